"""A pipeline with rejects at each of its stages, and what came out, read by other programs."""

import collections
import json
import os
import pathlib
import subprocess

import duckdb
import pyarrow.parquet
import pytest

TROMMEL = os.environ["TROMMEL"]

# One row is refused at each stage: by the decoder (cast and ragged), by check, by SQL, and by the table.
PIPELINE = """
name: sales
max_rejects: 50%
sources:
  sales:
    files: {{ path: {path}, {files} }}
    contract: {contract}
transforms:
  judged: {{ check: {{ rules: {{ amount: {{ max: {most} }} }} }} }}
  halved: {{ sql: "SELECT id, word, amount, CAST(code AS INTEGER) AS code, moment FROM judged" }}
sinks:
  lake: {{ from: halved, files: {{ path: "{out}" }} }}
  table: {{ from: halved, store: "duckdb:t.duckdb", table: t, contract: {{ id: BIGINT, word: VARCHAR, amount: "DECIMAL(10,2)", code: {code}, moment: TIMESTAMP }} }}
"""
CONTRACT = '{ id: BIGINT, word: VARCHAR, amount: "DECIMAL(10,2)", code: VARCHAR, moment: TIMESTAMP }'
HEADER = "id,word,amount,code,moment\n"
AT = "2026-01-02 03:04:05"
GOOD = [f"{i},w{i % 3},{i}.50,{i % 90},{AT}" for i in range(100, 120)]
BAD = {
    "cast": f'1,"a, b","1,5",7,{AT}',
    "ragged": f"2,two,2.50,8,{AT},more",
    "check": f"3,three,5000.25,9,{AT}",
    "sql": f"4,four,4.50,abc,{AT}",
    "sink": f"5,five,5.50,300,{AT}",
}


SINK = (5, "five", "5.50", 300, AT)


class Sales:
    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        (folder / "in").mkdir()

    def pipeline(self, files="watch: true, after: delete", contract=CONTRACT, most="1000", code="UTINYINT", path="in/*.csv",
                 out="out/"):
        (self.folder / "p.yaml").write_text(
            PIPELINE.format(path=path, files=files, contract=contract, most=most, code=code, out=out)
        )

    def drop(self, rows, name="a.csv"):
        (self.folder / "in" / name).write_text(HEADER + "".join(row + "\n" for row in rows))

    def command(self, *arguments):
        return [TROMMEL, *arguments]

    def run(self, *arguments, code=0):
        done = subprocess.run(
            self.command(*arguments), cwd=self.folder, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def start(self):
        """All good rows, and one bad row for each stage."""
        self.pipeline()
        self.drop(GOOD[:10] + list(BAD.values()) + GOOD[10:])
        self.run("run", "p.yaml", "--once")
        assert not list((self.folder / "in").glob("*.csv")), "the source file is gone"
        assert self.open() == {"sales": 2, "judged": 1, "halved": 1, "table": 1}
        self.expect(good(), [SINK])
        self.balances(read=25)

    def replay(self, *arguments, code=0):
        return self.run("rejects", "replay", "p.yaml", *arguments, code=code)

    def rejects(self, *arguments):
        text = self.run("rejects", "show", "p.yaml", "--limit", "0", "--json", *arguments)
        return [json.loads(line) for line in text.splitlines()]

    def open(self):
        return dict(collections.Counter(reject["stage"] for reject in self.rejects()))

    def balances(self, read):
        """The balance of all epochs, as the newest checkpoint has it, against what other programs count."""
        checkpoint = max((self.folder / ".trommel").glob("*/checkpoint-*.json"))
        life = json.loads(checkpoint.read_text().splitlines()[0])["life"]
        left = len(self.rejects())
        assert life["read"] == read and life["rejected"] - life["replayed"] == left
        for line in life["sinks"]:
            out = sum((self.table() if line["sink"] == "table" else self.lake()).values())
            assert line["written"] == out, line
            assert line["read"] == out + line["rejected"] - line["replayed"], line
        listed = self.run("rejects", "list", "p.yaml")
        some = "1 row" if life["rejected"] == 1 else f"{life['rejected']} rows"
        assert f"{some} rejected since epoch 1, {life['replayed']} replayed, {left} left" in listed

    def table(self):
        if not (self.folder / "t.duckdb").exists():
            return collections.Counter()
        with duckdb.connect(str(self.folder / "t.duckdb"), read_only=True) as connection:
            rows = connection.sql("SELECT id, word, amount, code, CAST(moment AS VARCHAR) FROM t").fetchall()
        return collections.Counter((i, w, f"{a}", c, t) for i, w, a, c, t in rows)

    def lake(self):
        rows = collections.Counter()
        for file in sorted((self.folder / "out").rglob("*.parquet")):
            table = pyarrow.parquet.read_table(file).to_pydict()
            assert table["id"], f"{file} is empty"
            rows.update(
                (i, w, f"{a}", c, f"{t:%Y-%m-%d %H:%M:%S}")
                for i, w, a, c, t in zip(table["id"], table["word"], table["amount"], table["code"], table["moment"])
            )
        return rows

    def expect(self, rows, lake_only=()):
        assert self.table() == collections.Counter(rows)
        assert self.lake() == collections.Counter(rows) + collections.Counter(lake_only)


def row(line):
    import csv

    i, word, amount, code, at = next(csv.reader([line]))
    return (int(i), word, amount, int(code), at)


def good():
    return [row(line) for line in GOOD]


@pytest.fixture
def sales(tmp_path):
    return Sales(tmp_path)
