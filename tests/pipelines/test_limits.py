"""What happens at the edges: bad lines in a long file, a budget of memory that is too small, a guess that turns out wrong late in a file."""
import json
import subprocess
from pathlib import Path

import duckdb
import pytest

import golden

ROWS = 200_000
BAD = {17: "x,y", 100_000: "1,2,3,4,5", 180_001: "180000,abc,0.5,name"}  # line: text


@pytest.fixture(scope="module")
def long_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("long") / "long.csv"
    with path.open("w") as out:
        out.write("id,v,d,name\n")
        for line in range(2, ROWS + 2):
            out.write(BAD.get(line, f"{line - 1},{line * 3},{line % 7}.5,name {line}") + "\n")
    return path


def pipeline(folder: Path, text: str) -> Path:
    (folder / "pipeline.yaml").write_text(text)
    return folder


def report(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text())


CONTRACT = "{ columns: { id: int64, v: int64, d: double, name: string } }"


def test_three_bad_lines_stand_aside(long_file: Path, tmp_path: Path):
    folder = pipeline(tmp_path, f"max_rejects: 10\nsources: {{ in: {{ files: {long_file}, contract: {CONTRACT} }} }}\n"
                                "sinks: { out: { files: out.parquet } }\n")
    done = golden.run(folder)
    assert done.returncode == 0, done.stderr
    assert duckdb.sql(f"SELECT count(*) FROM '{folder}/out.parquet'").fetchone() == (ROWS - 3,)
    lines = long_file.read_text().splitlines()
    rejects = [json.loads(line) for line in (next(folder.glob(".trommel/*/rejects/*.jsonl"))).read_text().splitlines()]
    assert {reject["line"]: reject["raw"] for reject in rejects} == BAD
    assert all(lines[reject["line"] - 1] == reject["raw"] for reject in rejects)


def test_without_a_budget_nothing_is_published(long_file: Path, tmp_path: Path):
    folder = pipeline(tmp_path, f"sources: {{ in: {{ files: {long_file}, contract: {CONTRACT} }} }}\n"
                                "sinks: { out: { files: deep/out.parquet }, table: { store: 'duckdb:t.duckdb', table: t } }\n")
    done = golden.run(folder)
    assert done.returncode == 1
    assert "max_rejects: 3" in done.stderr and "line 17" in done.stderr
    assert sorted(path.name for path in folder.iterdir()) == [".trommel", "pipeline.yaml", "report.json"]
    assert report(folder)["outcome"] == "refused"


def test_a_value_that_shows_the_guess_wrong_starts_over(long_file: Path, tmp_path: Path):
    """The sample says int64 for v; line 180,001 says otherwise. No row is lost, none becomes NULL."""
    done = subprocess.run([golden.TROMMEL, "convert", str(long_file), str(tmp_path / "out.parquet"), "--max-rejects", "2"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    if long_file.stat().st_size > 4 << 20:
        assert "wider types" in done.stderr
    counted = duckdb.sql(f"SELECT count(*), count(v), count(*) FILTER (v = 'abc'), any_value(typeof(v)) FROM '{tmp_path}/out.parquet'").fetchone()
    assert counted == (ROWS - 2, ROWS - 2, 1, "VARCHAR")


def test_files_that_break_the_contract_are_no_mistake_of_the_pipeline(tmp_path: Path):
    (tmp_path / "in.csv").write_text("idd,v\n1,2\n")
    folder = pipeline(tmp_path, "sources: { in: { files: in.csv, contract: { columns: { id: int64 } } } }\nsinks: { out: { files: out.csv } }\n")
    done = golden.run(folder)
    assert done.returncode == 1
    assert "lacks id" in done.stderr and "does not know idd" in done.stderr


def test_too_little_memory_blames_no_row(long_file: Path, tmp_path: Path):
    folder = pipeline(tmp_path, f"sources: {{ rows: {{ files: {long_file}, contract: {CONTRACT} }} }}\nmax_rejects: 10\n"
                                "transforms: { all: { sql: 'SELECT d, list(repeat(name, 20) ORDER BY v DESC) AS names FROM rows GROUP BY d' } }\n"
                                "sinks: { out: { files: out.parquet } }\n")
    done = golden.run(folder, "--memory", "20MB")
    assert done.returncode == 1
    assert "all: " in done.stderr and "out of memory" in done.stderr.lower() and "--memory" in done.stderr
    assert not (folder / "out.parquet").exists() and not list(folder.glob(".trommel/*/rejects/*.jsonl"))
    assert golden.run(folder, "--memory", "1GB").returncode == 0
