"""A folder with a pipeline in it, and trommel runs over it."""

import json
import os
import pathlib
import signal
import subprocess
import time

import pytest

TROMMEL = os.environ["TROMMEL"]


class Place:
    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.processes = []

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def call(self, *words, code=0, **more):
        done = subprocess.run([TROMMEL, *words], cwd=self.folder, capture_output=True, text=True, timeout=120, **more)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def json(self, *words, **more):
        return json.loads(self.call(*words, "--json", **more).stdout)

    def start(self, *words, **more):
        process = subprocess.Popen([TROMMEL, *words], cwd=self.folder, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, **more)
        self.processes.append(process)
        return process

    def stop(self, process, code=0, by=signal.SIGTERM):
        process.send_signal(by)
        said, _ = process.communicate(timeout=60)
        assert process.returncode == code, said
        return said

    def until(self, holds, what, seconds=60):
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"waited {seconds} s until {what}"
            time.sleep(0.02)


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path)
    yield made
    for process in made.processes:
        if process.poll() is None:
            process.kill()
            process.wait()
