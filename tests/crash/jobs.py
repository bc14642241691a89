"""Small jobs that use every sink that stands, and what must lie there in the end, read by other programs than ours."""
import collections
import csv
import gzip
import json
import os
import pathlib
import re
import shutil
import subprocess

import duckdb
import pyarrow.ipc
import pyarrow.parquet
from trip import TROMMEL

HEAD = "id,word,amount\n"
CONTRACT = "{ id: BIGINT NOT NULL, word: VARCHAR, amount: DOUBLE }"


def rows_of(file, count=12):
    """Rows as they come out: one is the same in all files."""
    return [(file * 1000 + i, f"w{i % 3}", i / 2) for i in range(count)] + [(7, "same", 1.0)]


def text_of(rows, bad=0):
    """As a file: the second row comes again at the end, far from itself, and is no row of its own."""
    lines = [f"{number},{word.upper()},{amount}\n" for number, word, amount in rows]
    return HEAD + "".join(lines + lines[1:2]) + "".join(f"x{i},bad,0\n" for i in range(bad))


def stays_in_state(path):
    """Whether a file of the state folder is one that a run which ended well leaves."""
    return re.fullmatch(r"groups\.json|offsets/.*\.json|(groups/[^/]+/)?(lock|status\.json|taken\.jsonl|checkpoint-\d+\.json|(rejects|transforms)/.*)", path) is not None


class Job:
    """A folder with a pipeline and its input. `files`: by stem, the rows of inputs that are taken."""

    arguments = ("run", "p.yaml")
    again = None  # of the run after one that was tripped, where they differ
    name = top = source = sinks = transform = ""
    lake = "out/{source_stem}.parquet"

    def __init__(self, folder):
        self.folder = folder
        self.files = {f"f{n}": rows_of(n) for n in range(1, 4)}
        self.rejects = collections.Counter()  # (input, byte that its line begins at)

    def prepare(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "in").mkdir(parents=True)
        (self.folder / "p.yaml").write_text(self.pipeline())
        self.fill()

    def pipeline(self):
        return f"""name: job
retry: {{ for: 0s }}
lanes: 2
{self.top}
sources:
  drops: {{ files: {{ path: in/*.csv, {self.source} }}, contract: {CONTRACT} }}
transforms:
  tidy: {{ clean: {{ text: lower, dedupe: within_file }} }}
sinks:
  lake: {{ from: tidy, files: {{ path: "{self.lake}" }} }}
  appended: {{ from: tidy, store: warehouse, table: appended }}
  upserted: {{ from: tidy, store: warehouse, table: upserted, write: upsert, key: [id] }}
{self.sinks}
stores: {{ warehouse: "duckdb:t.duckdb" }}
"""

    # ---- what lies there -----------------------------------------------------------------------------------------

    def all_files(self):
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()}

    def parquet(self, folder):
        """Rows of each file."""
        found = {}
        for path in sorted((self.folder / folder).rglob("[!.]*.parquet")):
            table = pyarrow.parquet.ParquetFile(path).read()
            found[path] = [tuple(row.values()) for row in table.to_pylist()]
        return found

    def tables(self, copy_to=None):
        """Rows of both tables. With `copy_to`, of a copy: opening a store changes it."""
        path = self.folder / "t.duckdb"
        if copy_to is not None:
            for name in ["t.duckdb", "t.duckdb.wal"]:
                (copy_to / name).unlink(missing_ok=True)
                if (self.folder / name).exists():
                    shutil.copy(self.folder / name, copy_to)
            path = copy_to / "t.duckdb"
        if not path.exists() or path.stat().st_size == 0:
            return collections.Counter(), collections.Counter()
        with duckdb.connect(str(path), read_only=copy_to is None) as connection:
            there = {row[0] for row in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
            return tuple(collections.Counter(connection.execute(f"FROM {name}").fetchall() if name in there else []) for name in ["appended", "upserted"])

    def reject_log(self):
        lines = [json.loads(line) for path in (self.folder / ".trommel/job/rejects").glob("epoch-*.jsonl") for line in path.read_text().splitlines()]
        return collections.Counter((line["split"], line["position"]) for line in lines)

    def expected(self):
        return collections.Counter(row for rows in self.files.values() for row in rows)

    # ---- judgements ------------------------------------------------------------------------------------------------

    def glimpse(self, aside):
        """At the moment of death: whatever a reader can see is whole, and no row is there twice."""
        expected = self.expected()
        for path, rows in self.parquet("out").items():
            if path.stem in self.files:
                assert sorted(rows) == sorted(self.files[path.stem]), path
        seen = collections.Counter(row for rows in self.parquet("out").values() for row in rows)
        appended, upserted = self.tables(aside)
        for rows in (seen, appended):
            assert rows <= expected, rows - expected
        assert set(upserted) <= set(expected) and all(count == 1 for count in upserted.values())
        self.glimpse_more(appended)

    def glimpse_more(self, appended):
        pass

    def judge(self):
        expected = self.expected()
        out = self.parquet("out")
        assert collections.Counter(row for rows in out.values() for row in rows) == expected
        appended, upserted = self.tables()
        assert appended == expected
        assert upserted == collections.Counter(set(expected))
        assert self.reject_log() == self.rejects
        left = {path for path in self.all_files() if not self.belongs(path)}
        assert left == set(), left
        assert [str(path) for path in self.folder.rglob(".trommel-*")] == []

    def belongs(self, path):
        """Whether a file is one that may lie there after a run that ended well."""
        state = path.removeprefix(".trommel/job/")
        if state != path:
            return stays_in_state(state)
        return path in ("p.yaml", "t.duckdb", "t.duckdb.wal") or (path.startswith("out/") and path.endswith(".parquet") and not pathlib.Path(path).name.startswith("."))


class Bounded(Job):
    """Files that stay, in one epoch: named after their inputs, by partition, packed, two tables, rejects within the budget."""

    name = "bounded"
    top = "max_rejects: 4"
    sinks = """  parts: { from: tidy, files: { path: parts/, partition_by: [word] } }
  packed: { from: tidy, files: { path: packed/all.csv.gz } }"""

    def fill(self):
        for stem, rows in self.files.items():
            (self.folder / f"in/{stem}.csv").write_text(text_of(rows, bad=1))
            self.rejects[(f"in/{stem}.csv", len(text_of(rows)))] = 1

    def glimpse_more(self, appended):
        assert appended in (self.expected(), collections.Counter())

    def judge(self):
        super().judge()
        expected = self.expected()
        parts = duckdb.execute(f"SELECT id, word, amount FROM read_parquet('{self.folder}/parts/*/*.parquet', hive_partitioning = true)").fetchall()
        assert collections.Counter(parts) == expected
        with gzip.open(self.folder / "packed/all.csv.gz", "rt") as file:
            packed = [(int(row["id"]), row["word"], float(row["amount"])) for row in csv.DictReader(file)]
        assert collections.Counter(packed) == expected
        assert len(list((self.folder / "parts").rglob("*.parquet"))) == 4 and len(self.parquet("out")) == len(self.files)

    def belongs(self, path):
        return super().belongs(path) or path.startswith("in/f") or path == "packed/all.csv.gz" or (path.startswith("parts/word=") and "/." not in path)


class Watched(Job):
    """Dropped files that are deleted once they are safe, or refused as a whole."""

    name = "watched"
    arguments = ("run", "p.yaml", "--once")
    source = "watch: true, after: delete, rejects: { whole_file: refused }"

    def fill(self):
        for stem, rows in self.files.items():
            (self.folder / f"in/{stem}.csv").write_text(text_of(rows))
        (self.folder / "in/bad.csv").write_text(text_of(rows_of(9), bad=2))
        self.rejects = None

    def reject_log(self):
        """Each bad row once, however often its file was looked at; the good rows of a refused file may be there with their own reason."""
        lines = [json.loads(line) for path in (self.folder / ".trommel/job/rejects").glob("epoch-*.jsonl") for line in path.read_text().splitlines()]
        bad = collections.Counter(line["line"] for line in lines if line["code"] != "file_refused")
        assert all(line["split"] == "in/bad.csv" for line in lines) and max(bad.values()) == 1 and len(bad) == 2, lines

    def judge(self):
        super().judge()
        assert sorted(os.listdir(self.folder / "refused")) == ["bad.csv", "bad.csv.why.txt"]
        assert (self.folder / "refused/bad.csv").read_text() == text_of(rows_of(9), bad=2)
        assert os.listdir(self.folder / "in") == []
        assert {path.stem for path in self.parquet("out")} == set(self.files)

    def belongs(self, path):
        return super().belongs(path) or path.startswith("refused/bad.csv")


class Pieces(Job):
    """A dropped file that is published in pieces, epoch after epoch, then moved; the transform remembers what it saw."""

    name = "pieces"
    arguments = ("run", "p.yaml", "--once", "--block-bytes", "4096")
    source = "watch: true, after: move, move_to: taken"
    top = "commit: { every: 0s, bytes: 4kB }\nmax_rejects: 2"
    lake = "out/"

    def __init__(self, folder):
        super().__init__(folder)
        self.files = {"f1": rows_of(1, 600)}

    def fill(self):
        for stem, rows in self.files.items():
            (self.folder / f"in/{stem}.csv").write_text(text_of(rows, bad=1))
            self.rejects[(f"in/{stem}.csv", len(text_of(rows)))] = 1

    def judge(self):
        super().judge()
        assert sorted(os.listdir(self.folder / "taken")) == ["f1.csv"]
        assert os.listdir(self.folder / "in") == []

    def belongs(self, path):
        return super().belongs(path) or path.startswith("taken/f")


class Topics(Job):
    """Dropped files into an embedded topic, and out of it into tables and files: two graphs of one run that meet in a folder alone."""

    name = "topics"
    arguments = ("run", "p.yaml", "--once")
    topic = ".trommel/topics/rows"

    def pipeline(self):
        return f"""name: job
retry: {{ for: 0s }}
lanes: 2
sources:
  drops: {{ files: {{ path: in/*.csv, watch: true, after: delete }}, contract: {CONTRACT} }}
  rows:  {{ kafka: {{ topics: rows, value: json }}, contract: {CONTRACT} }}
transforms:
  tidy: {{ from: drops, clean: {{ text: lower, dedupe: within_file }} }}
sinks:
  topic: {{ from: tidy, kafka: {{ topic: rows, value: json, key: id }} }}
  lake:  {{ from: rows, files: {{ path: out/rows.parquet }} }}
  appended: {{ from: rows, store: warehouse, table: appended }}
  upserted: {{ from: rows, store: warehouse, table: upserted, write: upsert, key: [id] }}
stores: {{ warehouse: "duckdb:t.duckdb" }}
"""

    def fill(self):
        for stem, rows in self.files.items():
            (self.folder / f"in/{stem}.csv").write_text(text_of(rows))

    def messages(self):
        """By file of the topic, the rows of its messages."""
        found = {}
        for path in sorted((self.folder / self.topic).glob("*.arrow")):
            messages = pyarrow.ipc.open_stream(path.read_bytes()).read_all().to_pylist()
            rows = [json.loads(message["value"]) for message in messages]
            assert [message["key"] for message in messages] == [str(row["id"]).encode() for row in rows]
            found[path.name] = [(row["id"], row["word"], row["amount"]) for row in rows]
        return found

    def glimpse_more(self, appended):
        """Files of the topic follow each other, and say themselves what they hold."""
        expected = 0
        for name, rows in self.messages().items():
            first, count, _ = name.split("-")
            assert int(count) == len(rows) and int(first) >= expected
            expected = int(first) + len(rows)
        assert expected <= sum(self.expected().values())

    def judge(self):
        super().judge()
        assert os.listdir(self.folder / "in") == []
        total = sum(self.expected().values())
        (last,) = list(self.messages())[-1:]
        first, count, _ = last.split("-")
        assert int(first) + int(count) == total and len(self.messages()) == 1  # what everybody has taken is gone
        assert json.loads((self.folder / self.topic / "readers/job.rows.json").read_text()) == {"offset": total}

    def belongs(self, path):
        return super().belongs(path) or re.fullmatch(rf"{self.topic}/(lock|aside|readers/job\.rows\.json|\d{{20}}-\d+-[0-9a-f]{{16}}\.arrow)", path) is not None


class AsYouGo(Job):
    """Files that stay, published epoch by epoch by a run that has an end."""

    name = "as_you_go"
    arguments = ("run", "p.yaml", "--block-bytes", "4096")
    top = "publish: as_you_go\ncommit: { bytes: 8kB }\nmax_rejects: 2"
    lake = "out/"

    def __init__(self, folder):
        super().__init__(folder)
        self.files = {f"f{n}": rows_of(n, 400) for n in range(1, 3)}

    def fill(self):
        for stem, rows in self.files.items():
            (self.folder / f"in/{stem}.csv").write_text(text_of(rows, bad=1))
            self.rejects[(f"in/{stem}.csv", len(text_of(rows)))] = 1

    def belongs(self, path):
        return super().belongs(path) or path.startswith("in/f")


class Reset(Job):
    """A pipeline that has run, and starts anew over the same files."""

    name = "reset"
    arguments = ("run", "p.yaml", "--reset")
    again = ("run", "p.yaml")
    top = "max_rejects: 4"

    def pipeline(self):
        text = super().pipeline().replace("table: appended", "table: appended, write: replace")
        return text.replace('source_stem}.parquet"', 'source_stem}.parquet", if_exists: replace')

    def fill(self):
        for stem, rows in self.files.items():
            (self.folder / f"in/{stem}.csv").write_text(text_of(rows, bad=1))
            self.rejects[(f"in/{stem}.csv", len(text_of(rows)))] = 1
        subprocess.run([TROMMEL, "run", "p.yaml", "-q"], cwd=self.folder, check=True)

    def belongs(self, path):
        return super().belongs(path) or path.startswith(("in/f", ".trommel/job/before_reset_000001/"))


JOBS = {job.name: job for job in (Bounded, Watched, Pieces, Topics, AsYouGo, Reset)}
