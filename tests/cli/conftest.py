import os
import subprocess

import pytest

BINARY = os.environ.get("TROMMEL", "build/release/trommel")


class Shell:
    """Runs the binary in a folder of its own, with nothing of the caller's environment that changes what is printed."""

    def __init__(self, folder):
        self.folder = folder
        self.env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS")}

    def __call__(self, *words, stdin=b"", env=None, expect=0):
        done = subprocess.run([BINARY, *map(str, words)], cwd=self.folder, input=stdin, capture_output=True, timeout=120,
                              env={**self.env, **(env or {})})
        done.out, done.err = done.stdout.decode(), done.stderr.decode()
        assert done.returncode == expect, f"{words}: exit {done.returncode}\n{done.out}\n{done.err}"
        return done

    def start(self, *words, **options):
        return subprocess.Popen([BINARY, *map(str, words)], cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, env=self.env, **options)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def read(self, name):
        return (self.folder / name).read_text()


@pytest.fixture
def trommel(tmp_path):
    return Shell(tmp_path)
