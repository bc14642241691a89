"""A pipeline that takes uploads, and clients that are not ours."""

import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import duckdb
import pytest

TROMMEL = os.environ["TROMMEL"]

PIPELINE = """
name: uploads
server: {{ listen: 127.0.0.1:0 {server} }}
sources:
  upload:
    http_upload: {{ path: /csv_upload, field: csv_file {upload} }}
    contract: {{ id: BIGINT NOT NULL, word: VARCHAR }}
    {source}
sinks:
  table: {{ from: upload, store: "duckdb:t.duckdb", table: t }}
  {sinks}
"""


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class Serving:
    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.process = None
        self.port = None
        self.pipeline()

    def pipeline(self, server="", upload="", source="", sinks="", text=None):
        text = text or PIPELINE.format(server=server, upload=upload, source=source, sinks=sinks)
        (self.folder / "p.yaml").write_text(text)

    def start(self, *more, environment=None):
        before = len(self.log())
        self.process = subprocess.Popen(
            [TROMMEL, "run", "p.yaml", "--log", "log.txt", *more],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        self.until(lambda: "waiting for input" in self.log()[before:], "it takes uploads")
        self.port = int(re.findall(r"listening at https?://127\.0\.0\.1:(\d+)", self.log()[before:])[-1])

    def stop(self, code=0):
        self.process.send_signal(signal.SIGTERM)
        said, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == code, said + self.log()
        return said

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def log(self):
        log = self.folder / "log.txt"
        return log.read_text() if log.exists() else ""

    def until(self, holds, what, seconds=60):
        end = time.monotonic() + seconds
        while not holds():
            if self.process is not None and self.process.poll() is not None:
                raise AssertionError(self.process.communicate()[0] + self.log())
            assert time.monotonic() < end, f"waited {seconds} s until {what}\n{self.log()}"
            time.sleep(0.02)

    def request(self, method, path, body=None, headers=None, timeout=60, chunked=False):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        connection.request(method, path, body=body, headers=headers or {}, encode_chunked=chunked)
        response = connection.getresponse()
        answer = Answer(response.status, response.headers, response.read())
        connection.close()
        return answer

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, body, headers=None, path="/csv_upload", **more):
        return self.request("POST", path, body=body, headers={"Content-Type": "text/csv", **(headers or {})}, **more)

    def curl(self, *arguments):
        done = subprocess.run(
            ["curl", "-sS", "-w", "\n%{http_code}", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        body, status = done.stdout.rsplit("\n", 1)
        return Answer(int(status), {}, body)

    def address(self, path="/csv_upload"):
        return f"http://127.0.0.1:{self.port}{path}"

    def rows(self, table="t"):
        """What the table holds, by DuckDB itself; the file is free once the process has ended."""
        if not (self.folder / "t.duckdb").exists():
            return []
        connection = duckdb.connect(str(self.folder / "t.duckdb"), read_only=True)
        try:
            return sorted(connection.execute(f"SELECT * FROM {table}").fetchall())
        except duckdb.CatalogException:
            return []
        finally:
            connection.close()

    def uploads_left(self):
        folder = self.folder / ".trommel" / "uploads" / "uploads" / "upload"
        return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".answer.json"))


def csv(rows):
    return ("id,word\n" + "".join(f"{number},{word}\n" for number, word in rows)).encode()


def in_threads(work, items):
    with ThreadPoolExecutor(len(items)) as threads:
        return list(threads.map(work, items))


def in_background(work):
    """Its `result()` is the answer, or raises what the work raised."""
    thread = ThreadPoolExecutor(1)
    answer = thread.submit(work)
    thread.shutdown(wait=False)
    return answer


@pytest.fixture
def serving(tmp_path):
    one = Serving(tmp_path)
    yield one
    if one.process is not None and one.process.poll() is None:
        one.kill()
