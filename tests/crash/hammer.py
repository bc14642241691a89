"""kill -9 at random moments and in chosen phases, over jobs large enough to be hit anywhere, and what must lie there in the end."""
import collections
import json
import os
import random
import shutil
import signal
import threading
import time
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

import duckdb
import pyarrow
from jobs import stays_in_state
from trip import PHASES, ROOT

EXAMPLE = ROOT / "examples/students"
AIMED = ["read", "prepare", "checkpoint", "commit", "durable"]


class BigCsv:
    """One large CSV file with a few bad rows, to partitioned Parquet and a table."""

    name = "big_csv"
    endless = False

    def __init__(self, folder, aside, rows):
        self.folder, self.rows = folder, rows
        self.csv = aside / f"big-{rows}.csv"
        self.bad = {line: f"no number {line}" for line in range(1000, rows, max(1, rows // 7))}  # lines of the file
        if not self.csv.exists():
            duckdb.execute(f"COPY ({self.expected()}) TO '{self.csv}' (HEADER)")
            lines = self.csv.read_text().splitlines(keepends=True)
            for line, text in self.bad.items():
                lines[line - 1] = f"{text},0,x,0\n"
            self.csv.write_text("".join(lines))

    def expected(self):
        return f"SELECT i AS id, i % 5 AS part, 'name ' || (i * 7919 % 1009) AS name, i / 4 AS amount FROM range({self.rows}) r(i)"

    def prepare(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "in").mkdir(parents=True)
        os.link(self.csv, self.folder / "in/big.csv")
        (self.folder / "p.yaml").write_text("""name: job
max_rejects: 100
sources:
  big: { files: { path: in/big.csv }, contract: { id: BIGINT NOT NULL, part: BIGINT, name: VARCHAR, amount: DOUBLE } }
sinks:
  lake:  { from: big, files: { path: lake/, partition_by: [part], row_group_rows: 20000 } }
  table: { from: big, store: "duckdb:t.duckdb", table: t }
""")

    def arguments(self, lanes, last=False):
        return ["run", "p.yaml", "--lanes", str(lanes)]

    def over(self):
        return False  # a run ends by itself

    def stop(self):
        pass

    def judge(self):
        good = f"SELECT * FROM ({self.expected()}) WHERE id + 2 NOT IN ({', '.join(map(str, self.bad))})"
        lake = f"SELECT id, part, name, amount FROM read_parquet('{self.folder}/lake/*/*.parquet', hive_partitioning = true)"
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH '{self.folder}/t.duckdb' AS store (READ_ONLY)")
            same_rows(connection, good, {"lake": lake, "table": "FROM store.t"})
        log = [json.loads(line) for path in (self.folder / ".trommel/job/rejects").iterdir() for line in path.read_text().splitlines()]
        assert sorted(reject["line"] for reject in log) == sorted(self.bad), [reject["line"] for reject in log]
        nothing_left(self.folder, {"in/big.csv", "p.yaml", "t.duckdb"}, ("lake/part=",), ".trommel/job")


class Students:
    """examples/students: files dropped while it runs and is killed, some of them bad, deleted once they are safe."""

    name = "students"
    endless = True
    ROWS, DISTINCT, BAD_EVERY = 60, 20, 9

    def __init__(self, folder, files):
        self.folder, self.files = folder, files
        loader = SourceFileLoader("generate", str(EXAMPLE / "generate"))
        self.generate = module_from_spec(spec_from_loader("generate", loader))
        loader.exec_module(self.generate)
        self.templates = [self.generate.table(f"hammer {which}", self.ROWS) for which in range(self.DISTINCT)]
        self.feeder = None

    inbox = property(lambda self: self.folder / "input_csv")
    failed = property(lambda self: self.inbox / "output_failed")

    def bad(self, number):
        return number % self.BAD_EVERY == 4

    def text(self, number):
        """Its number stands in `absences`, so that every file differs."""
        at = self.generate.COLUMNS.index("absences")
        rows = [list(row) for row in self.templates[number % self.DISTINCT]]
        for row in rows[1:]:
            row[at] = number
        if self.bad(number):
            rows[7][at] = "many"
        return self.generate.as_csv(rows)

    def tidied(self, number):
        """The rules of its cleaning in other words: no empty cell, small letters, each row once."""
        at = self.generate.COLUMNS.index("absences")
        rows = ([*row[:at], number, *row[at + 1:]] for row in self.templates[number % self.DISTINCT][1:])
        return {tuple(str(value).lower() for value in row) for row in rows if None not in row}

    def prepare(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.inbox.mkdir(parents=True)
        for path in EXAMPLE.glob("*.yaml"):
            shutil.copy(path, self.folder)
        with open(self.folder / "pipeline.yaml", "a") as file:
            file.write("commit: { every: 30ms }\n")
        self.dropped, self.hurry = 0, False
        self.drop(self.files // 3)  # there before the start
        self.feeder = threading.Thread(target=self.feed, daemon=True)
        self.feeder.start()

    def drop(self, up_to):
        while self.dropped < min(up_to, self.files):
            self.generate.drop(self.inbox / f"s{self.dropped}.csv", self.text(self.dropped).encode())
            self.dropped += 1

    def feed(self):
        while self.dropped < self.files:
            self.drop(self.files if self.hurry else self.dropped + max(1, self.files // 24))
            time.sleep(0 if self.hurry else 0.1)

    def stop(self):
        """All that is still to come comes at once."""
        self.hurry = True
        if self.feeder:
            self.feeder.join()

    def arguments(self, lanes, last=False):
        return ["run", "pipeline.yaml", "--lanes", str(lanes)] + (["--once"] if last else [])

    def left(self):
        return [name for folder, _, names in os.walk(self.inbox) if not folder.startswith(str(self.failed)) for name in names]

    def over(self):
        return self.dropped == self.files and not self.left()

    def judge(self):
        good = [number for number in range(self.files) if not self.bad(number)]
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH '{self.folder}/students.duckdb' AS store (READ_ONLY)")
            columns = [row[0] for row in connection.execute("DESCRIBE store.student_data").fetchall()]
            rows = [row for number in good for row in self.tidied(number)]
            connection.register("expected", pyarrow.table(dict(zip(columns, map(list, zip(*rows))))))
            texts = ", ".join(f"{name}::VARCHAR" for name in columns)
            same_rows(connection, "FROM expected", {"table": f"SELECT {texts} FROM store.student_data",
                                                    "lake": f"SELECT {texts} FROM read_parquet('{self.folder}/output_parquet/*.parquet')"})
        assert sorted(os.listdir(self.folder / "output_parquet")) == sorted(f"s{number}.parquet" for number in good)
        refused = [f"s{number}.csv" for number in range(self.files) if self.bad(number)]
        assert sorted(os.listdir(self.failed)) == sorted(refused + [f"{name}.why.txt" for name in refused])
        assert all((self.failed / name).read_text() == self.text(int(name[1:-4])) for name in refused)
        log = [json.loads(line) for path in (self.folder / ".trommel/students/rejects").iterdir() for line in path.read_text().splitlines()]
        bad = collections.Counter(reject["split"] for reject in log if reject["code"] != "file_refused")
        assert bad == collections.Counter(f"input_csv/{name}" for name in refused)
        assert self.left() == []
        nothing_left(self.folder, {"students.duckdb", "conversion_log.txt"} | {path.name for path in EXAMPLE.glob("*.yaml")},
                     ("output_parquet/s", "input_csv/output_failed/s"), ".trommel/students")


def same_rows(connection, expected, found):
    for name, query in found.items():
        lost = connection.execute(f"SELECT count(*) FROM (({expected}) EXCEPT ALL ({query}))").fetchone()[0]
        more = connection.execute(f"SELECT count(*) FROM (({query}) EXCEPT ALL ({expected}))").fetchone()[0]
        assert (lost, more) == (0, 0), f"{name}: {lost} rows lost, {more} rows too many"


def nothing_left(folder, files, beginnings, state):
    """No temporary, claim or segment; of the state folder only what is meant to stay."""
    for path in (path for path in folder.rglob("*") if path.is_file() or path.name.startswith(".trommel-")):
        name = str(path.relative_to(folder))
        below = name.removeprefix(state + "/")
        if below != name:
            own = stays_in_state(below)
        else:
            own = name in files or name.removesuffix(".wal") in files or (name.startswith(beginnings) and not path.name.startswith("."))
        assert own, f"{name} is left behind"


class Hammer:
    """Kills runs of a job until it is done, judges, and begins again. Kept over jobs: kills by phase, and how long phases last."""

    def __init__(self, wire, seed):
        self.wire, self.draw = wire, random.Random(seed)
        self.kills = collections.Counter()  # (job, lanes, phase)
        self.rounds = self.missed = 0
        self.lengths = {}  # by job and lanes: seconds of a run, and those and entries of each phase

    def measure(self, job, lanes):
        """Lengths, from a first run that nobody disturbs."""
        job.prepare()
        began = time.monotonic()
        end = self.wire.run(job.folder, *job.arguments(lanes, last=True))
        assert end.code == 0, end.said
        self.lengths[(job.name, lanes)] = (time.monotonic() - began, end)

    def start(self, job, lanes):
        """A run that will be killed, and when: at any time, or (no time) in the phase that was hit least."""
        seconds, usual = self.lengths[(job.name, lanes)]
        if self.draw.random() < 0.3:
            return self.wire.start(job.folder, *job.arguments(lanes)), time.monotonic() + self.draw.random() * seconds
        phase = min(AIMED, key=lambda name: (self.kills[(job.name, lanes, name)], self.draw.random()))
        length = usual.spent[phase] / max(1, usual.entered[phase])
        settings = {"phase": PHASES.index(phase), "entered": self.draw.choice([1, 1, 2]) if job.endless else 1,
                    "delay_us": int(self.draw.random() ** 2 * length * 1e6)}
        return self.wire.start(job.folder, *job.arguments(lanes), **settings), None

    def until_killed(self, job, lanes):
        """One run. Whether it was killed; else it came to its end, or to rest."""
        process, at = self.start(job, lanes)
        over = time.monotonic() + 5 * self.lengths[(job.name, lanes)][0]
        while process.poll() is None and time.monotonic() < (at or over):
            time.sleep(0.0005)
            if at is None and job.over():
                over = min(over, time.monotonic() + 0.1)  # the last epoch may be the one
        if process.poll() is None:
            process.send_signal(signal.SIGKILL if at else signal.SIGTERM)
        end = self.wire.ended(process)
        if end.code == -signal.SIGKILL:
            self.kills[(job.name, lanes, end.phase)] += 1
            return True
        self.missed += 1
        assert end.code in (0, -signal.SIGTERM) or "stopped" in end.said, end.said
        return False

    def round(self, job, lanes, kills):
        """One job from its beginning to its judgement, killed so many times on the way if it lasts as long. Returns how many it were."""
        if (job.name, lanes) not in self.lengths:
            self.measure(job, lanes)
        job.prepare()
        killed = 0
        while killed < kills:
            if self.until_killed(job, lanes):
                killed += 1
            elif job.over() or not job.endless:
                break
        job.stop()
        end = self.wire.run(job.folder, *job.arguments(lanes, last=True))
        assert end.code == 0, end.said
        job.judge()
        self.rounds += 1
        return killed

    def table(self):
        rows = sorted({(job, lanes) for job, lanes, _ in self.kills})
        lines = [f"{'kills in':<22}" + "".join(f"{phase:>11}" for phase in PHASES)]
        for job, lanes in rows:
            lines.append(f"{f'{job}, {lanes} lanes':<22}" + "".join(f"{self.kills[(job, lanes, phase)]:>11}" for phase in PHASES))
        sums = [sum(self.kills[(job, lanes, phase)] for job, lanes in rows) for phase in PHASES]
        lines.append(f"{'all':<22}" + "".join(f"{count:>11}" for count in sums))
        return "\n".join(lines)
