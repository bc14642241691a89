"""A watched folder, a trommel that watches it, and what came out, read by other programs."""

import collections
import os
import pathlib
import signal
import subprocess
import time

import duckdb
import pyarrow.parquet
import pytest

TROMMEL = os.environ["TROMMEL"]

PIPELINE = """
name: drops
sources:
  drops:
    files: {{ path: "{path}", watch: true, {files} }}
    contract: {{ id: BIGINT NOT NULL, word: VARCHAR }}
{top}
sinks:
  lake: {{ from: drops, files: {{ path: "{out}" }} }}
  table: {{ from: drops, store: "duckdb:t.duckdb", table: t }}
"""


class Watched:
    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.inbox = folder / "in"
        self.inbox.mkdir()
        self.process = None

    def pipeline(self, files="after: delete", path="in/*.csv", out="out/{source_stem}.parquet", top=""):
        (self.folder / "p.yaml").write_text(PIPELINE.format(path=path, files=files, out=out, top=top))

    def command(self, *more):
        return [TROMMEL, "run", "p.yaml", "--log", "log.txt", *more]

    def once(self, *more, code=0):
        done = subprocess.run(
            self.command("--once", *more), cwd=self.folder, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def start(self, *more):
        self.process = subprocess.Popen(
            self.command(*more), cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.until(lambda: "waiting for input" in self.log(), "it says that it waits")

    def stop(self, code=0):
        self.process.send_signal(signal.SIGINT)
        said, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == code, said
        return said

    def log(self):
        log = self.folder / "log.txt"
        return log.read_text() if log.exists() else ""

    def until(self, holds, what, seconds=60):
        end = time.monotonic() + seconds
        while not holds():
            assert self.process is None or self.process.poll() is None, self.process.communicate()[0]
            assert time.monotonic() < end, f"waited {seconds} s until {what}\n{self.log()}"
            time.sleep(0.02)

    def drop(self, name, rows, base=None):
        """Written aside and renamed, as a careful program does it."""
        path = (base or self.inbox) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.parent / f".{path.name}.part"
        aside.write_text("id,word\n" + "".join(f"{number},{word}\n" for number, word in rows))
        aside.rename(path)

    def left(self):
        """Files in the watched folder, claims of ours included."""
        found = []
        for folder, _, names in os.walk(self.inbox):  # passes over folders that go away meanwhile
            found += [os.path.relpath(os.path.join(folder, name), self.inbox) for name in names]
        return sorted(found)

    def table(self):
        if not (self.folder / "t.duckdb").exists():
            return collections.Counter()
        with duckdb.connect(str(self.folder / "t.duckdb"), read_only=True) as connection:
            return collections.Counter(connection.sql("SELECT id, word FROM t").fetchall())

    def lake(self):
        rows = collections.Counter()
        for file in (self.folder / "out").rglob("*.parquet"):
            table = pyarrow.parquet.read_table(file)
            rows.update(zip(table["id"].to_pylist(), table["word"].to_pylist()))
        return rows

    def expect(self, rows):
        expected = collections.Counter(rows)
        assert self.table() == expected
        assert self.lake() == expected


@pytest.fixture
def watched(tmp_path):
    made = Watched(tmp_path)
    yield made
    if made.process and made.process.poll() is None:
        made.process.kill()
        made.process.wait()
