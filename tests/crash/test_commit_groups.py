"""Parts of a pipeline that nothing connects: each has its own epochs and its own state, so that none waits for a sink of another. Looked at from outside, over restarts, changes of
the file, a reset, rejects and kills."""
import json
import os
import random
import signal
import subprocess
import time

import duckdb
import pytest
from trip import TROMMEL

PIPELINE = """name: job
state: state
max_rejects: 100
commit: {{ every: 0s }}
retry: {{ for: {retry} }}
sources:
  near: {{ files: {{ path: near/*.csv, watch: true, after: delete }}, contract: {{ id: BIGINT NOT NULL, word: VARCHAR }} }}
  far:  {{ files: {{ path: far/*.csv, watch: true, after: delete }}, contract: {{ id: BIGINT NOT NULL, word: VARCHAR }} }}
sinks:
  near_rows: {{ from: near, store: "duckdb:near.duckdb", table: t }}
  far_rows:  {{ from: {far}, store: "duckdb:{store}", table: {table} }}
"""


class Folder:
    def __init__(self, path):
        self.path, self.process, self.dropped = path, None, {"near": [], "far": []}
        for name in self.dropped:
            (path / name).mkdir()
        (path / "away").touch()  # where the store's folder should be
        self.write()

    def write(self, **settings):
        (self.path / "p.yaml").write_text(PIPELINE.format(**{"retry": "60s", "far": "far", "store": "away/far.duckdb", "table": "t"} | settings))

    def drop(self, name, *files, bad=0):
        for number in files:
            rows = [number * 10 + i for i in range(3)]
            self.dropped[name] += rows
            aside = self.path / name / f".f{number}"
            aside.write_text("id,word\n" + "".join(f"{row},w\n" for row in rows) + "x1.5,w\n" * bad)
            aside.rename(self.path / name / f"f{number}.csv")

    def there(self):
        """The far store's folder is there now."""
        (self.path / "away").unlink()
        (self.path / "away").mkdir()

    def run(self, *more, code=0):
        done = subprocess.run([TROMMEL, *more], cwd=self.path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        assert done.returncode == code, done.stdout
        return done.stdout

    def start(self):
        self.process = subprocess.Popen([TROMMEL, "run", "p.yaml"], cwd=self.path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def stop(self, code=0):
        self.process.send_signal(signal.SIGINT)
        said = self.process.communicate(timeout=60)[0]
        assert self.process.returncode == code, said
        return said

    def until(self, holds, what):
        end = time.monotonic() + 60
        while not holds():
            assert self.process.poll() is None, self.process.communicate()[0]
            assert time.monotonic() < end, f"waited for: {what}"
            time.sleep(0.02)

    def left(self, name):
        return [entry for entry in os.listdir(self.path / name) if entry.endswith(".csv")]

    def status(self):
        return json.loads(self.run("status", "p.yaml", "--json"))

    def ids(self, store):
        with duckdb.connect(str(self.path / store), read_only=True) as connection:
            return [row[0] for row in connection.execute("SELECT id FROM t ORDER BY id").fetchall()]

    def judge(self):
        assert self.ids("near.duckdb") == sorted(self.dropped["near"])
        assert self.ids("away/far.duckdb") == sorted(self.dropped["far"])
        assert [os.listdir(self.path / name) for name in self.dropped] == [[], []]


@pytest.fixture
def folder(tmp_path):
    made = Folder(tmp_path)
    yield made
    if made.process and made.process.poll() is None:
        made.process.kill()


def test_none_waits_for_a_sink_of_another(folder):
    folder.drop("near", 1)
    folder.drop("far", 1)
    folder.start()
    folder.until(lambda: not folder.left("near"), "the rows at hand are delivered")
    folder.until(lambda: folder.status()["groups"][0]["run"]["retrying"], "the other part tries again")
    folder.drop("near", 2)
    folder.until(lambda: not folder.left("near"), "and further ones")
    assert os.listdir(folder.path / "far"), "what is not delivered is not deleted"
    status = folder.status()
    assert (status["group"], status["groups"][0]["group"]) == ("near", "far") and status["epoch"] >= 2
    assert status["groups"][0]["run"]["retrying"][0]["what"] == "far_rows"
    text = folder.run("status", "p.yaml")
    assert "job, group near: " in text and "job, group far: " in text and "retrying" in text
    folder.there()
    folder.until(lambda: not folder.status()["groups"][0]["run"]["retrying"], "the other part's rows are delivered")
    folder.stop()
    folder.judge()


def test_a_part_that_fails_ends_the_run_and_nothing_is_lost(folder):
    folder.write(retry="0s")
    folder.drop("near", 1)
    folder.drop("far", 1)
    assert "the rows are kept, the next run writes them" in folder.run("run", "p.yaml", code=1)
    folder.there()
    folder.drop("near", 2)
    folder.run("run", "p.yaml", "--once")
    folder.judge()
    assert "nothing" in folder.run("run", "p.yaml", "--once")


def test_parts_that_get_connected_are_refused(folder):
    folder.there()
    folder.drop("near", 1)
    folder.drop("far", 1)
    folder.run("run", "p.yaml", "--once")
    said = folder.run("plan", "p.yaml")
    assert "commit groups: " in said and "  near: near, near_rows\n  far: far, far_rows\n" in said, said
    assert '"commit_groups":[{"name":"near","nodes":["near","near_rows"]}' in folder.run("plan", "p.yaml", "--json")
    folder.write(far="[near, far]")
    assert "connected now" in folder.run("plan", "p.yaml", code=78)
    said = folder.run("run", "p.yaml", "--once", code=78)
    assert "p.yaml:" in said and "connected now" in said and "run --reset" in said
    folder.write(store="near.duckdb", table="u")
    assert "connected now" in folder.run("run", "p.yaml", "--once", code=78)
    folder.write()
    folder.drop("far", 2)
    folder.run("run", "p.yaml", "--once")
    folder.judge()


def test_plan_knows_what_has_run_as_a_run_does(folder):
    folder.write(retry="0s")
    text = (folder.path / "p.yaml").read_text()
    (folder.path / "p.yaml").write_text(text.replace("duckdb:near.duckdb", "duckdb:away/near.duckdb"))
    folder.drop("near", 1)
    assert "the rows are kept, the next run writes them" in folder.run("run", "p.yaml", "--once", code=1)
    (folder.path / "state/groups.json").unlink()  # of a time that knew of no groups
    assert not (folder.path / "state/taken.jsonl").exists()
    assert "commit groups" not in folder.run("plan", "p.yaml")
    folder.there()
    folder.drop("far", 1)
    folder.run("run", "p.yaml", "--once")
    assert len(json.loads((folder.path / "state/groups.json").read_text())["groups"]) == 1
    assert folder.ids("away/near.duckdb") == folder.dropped["near"] and folder.ids("away/far.duckdb") == folder.dropped["far"]


def test_a_reset_numbers_all_of_them_on(folder):
    folder.there()
    for number in range(1, 6):
        folder.drop("far", number)
        folder.run("run", "p.yaml", "--once")
    folder.drop("near", 1)
    folder.run("run", "p.yaml", "--once")
    folder.write(far="[near, far]")  # now one part, with sinks that have seen epochs 1 and 6
    folder.drop("near", 2)
    folder.run("run", "p.yaml", "--once", "--reset", "--beside")
    assert folder.ids("near.duckdb") == [10, 11, 12, 20, 21, 22]
    assert folder.ids("away/far.duckdb") == sorted(folder.dropped["far"] + [20, 21, 22])
    folder.write()
    folder.drop("near", 3)
    folder.drop("far", 6)
    folder.run("run", "p.yaml", "--once", "--reset", "--beside")
    assert folder.ids("near.duckdb") == sorted(folder.dropped["near"])
    assert folder.ids("away/far.duckdb") == sorted(folder.dropped["far"] + [20, 21, 22])


def test_rejects_of_all_of_them_come_back(folder):
    folder.there()
    folder.drop("near", 1, bad=1)
    folder.drop("far", 1, bad=2)
    folder.run("run", "p.yaml", "--once")
    assert "3 rows rejected" in folder.run("rejects", "list", "p.yaml")
    assert len(folder.run("rejects", "show", "p.yaml", "--json").splitlines()) == 3
    replay = ["rejects", "replay", "p.yaml", "--sql", "SELECT * REPLACE ('77' AS id) FROM rejects"]
    assert "3 rejects replayed" in folder.run(*replay)
    assert "nothing to replay" in folder.run(*replay)
    assert folder.ids("near.duckdb") == [10, 11, 12, 77] and folder.ids("away/far.duckdb") == [10, 11, 12, 77, 77]
    assert "3 replayed, 0 left" in folder.run("rejects", "list", "p.yaml")
    folder.drop("far", 2)
    folder.run("run", "p.yaml", "--once")
    assert folder.ids("away/far.duckdb") == [10, 11, 12, 20, 21, 22, 77, 77]


def test_killed_at_any_moment(folder):
    folder.there()
    draw, number = random.Random(os.environ.get("SEED", "1")), 0
    for _ in range(8):
        folder.start()
        end = time.monotonic() + draw.uniform(0.05, 0.4)
        while time.monotonic() < end:
            number += 1
            folder.drop("near", 2 * number)
            folder.drop("far", 2 * number + 1)
            time.sleep(draw.uniform(0, 0.05))
        folder.process.kill()
        folder.process.wait()
    folder.run("run", "p.yaml", "--once")
    folder.judge()
