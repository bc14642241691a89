"""Runs examples/flights on its real data, twice, and asks other readers what came out."""
import os
import pathlib
import shutil
import subprocess

import duckdb
import pyarrow.dataset
import pytest

ROOT = pathlib.Path(os.environ.get("TROMMEL_SOURCE") or pathlib.Path(__file__).parents[2])
BUILD = pathlib.Path(os.environ.get("TROMMEL_BUILD") or ROOT / "build" / "release")
TROMMEL = os.environ.get("TROMMEL") or str(BUILD / "trommel")

ROWS = 336_776


def run(*arguments, cwd):
    return subprocess.run([TROMMEL, *arguments], cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture(scope="module")
def data():
    return pathlib.Path(subprocess.run([ROOT / "scripts/fetch", "flights"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip())


@pytest.fixture(scope="module")
def example(tmp_path_factory, data):
    """A copy of the example, run once and then once more: (folder, first output, second output)."""
    folder = tmp_path_factory.mktemp("flights")
    for path in (ROOT / "examples/flights").iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    (folder / "input").symlink_to(data)
    outputs = []
    for _ in range(2):
        done = run("run", "pipeline.yaml", "--report", f"report{len(outputs)}.json", cwd=folder)
        assert done.returncode == 0, done.stdout
        outputs.append(done.stdout)
    return folder, *outputs


@pytest.fixture(scope="module")
def truth(data):
    """What DuckDB alone makes of the same zip's content."""
    import zipfile
    csv = data.parent / "flights-for-tests.csv"
    with zipfile.ZipFile(data / "flights.csv.zip") as archive:
        csv.write_bytes(archive.read("flights.csv"))
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"CREATE TABLE raw AS FROM read_csv('{csv}', nullstr = 'NA')")
    connection.execute(f"CREATE TABLE airlines AS FROM read_csv('{data / 'airlines.csv'}')")
    connection.execute(f"CREATE TABLE airports AS FROM read_csv('{data / 'airports.csv'}')")
    connection.execute("""CREATE TABLE expected AS
        SELECT year, month, day, sched_dep_time, dep_delay, arr_delay, air_time, distance, raw.carrier, airlines.name AS airline, flight,
               tailnum, origin, dest, airports.name AS destination, time_hour
        FROM raw LEFT JOIN airlines USING (carrier) LEFT JOIN airports ON faa = dest
        WHERE dep_time IS NOT NULL AND (tailnum IS NULL OR tailnum LIKE 'N%')""")
    csv.unlink()
    return connection


def differences(truth, relation):
    """Rows on one side and not on the other, by value and count."""
    columns = ", ".join(row[0] for row in truth.execute("DESCRIBE expected").fetchall())
    return truth.execute(f"SELECT count(*) FROM ((SELECT {columns} FROM expected EXCEPT ALL SELECT {columns} FROM {relation}) "
                         f"UNION ALL (SELECT {columns} FROM {relation} EXCEPT ALL SELECT {columns} FROM expected))").fetchone()[0]


def test_files_hold_what_duckdb_alone_makes_of_it(example, truth):
    folder = example[0]
    months = sorted(path.name for path in (folder / "output/flights").iterdir())
    assert months == sorted(f"month={month}" for month in range(1, 13))
    written = f"read_parquet('{folder}/output/flights/**/*.parquet', hive_partitioning = true)"
    assert truth.execute("SELECT count(*) FROM expected").fetchone()[0] == ROWS - 8255 - 4
    assert differences(truth, written) == 0


def test_pyarrow_reads_the_files_too(example):
    rows = pyarrow.dataset.dataset(example[0] / "output/flights", format="parquet", partitioning="hive").count_rows()
    assert rows + 8255 + 4 == ROWS


def test_table_holds_the_same(example, truth):
    truth.execute(f"ATTACH '{example[0]}/output/flights.duckdb' AS store (READ_ONLY)")
    try:
        assert differences(truth, "store.flights") == 0
    finally:
        truth.execute("DETACH store")


def test_rejects_name_the_lines(example, data, tmp_path):
    shown = run("rejects", "show", "pipeline.yaml", cwd=example[0])
    assert shown.returncode == 0, shown.stdout
    assert shown.stdout.count("D942DN") >= 4
    for line in (120318, 157235, 157801, 254420):  # where `sed -n LINEp` finds them in flights.csv
        assert str(line) in shown.stdout or f"{line:,}" in shown.stdout, (line, shown.stdout)


def test_second_run_finds_nothing_new(example):
    assert "nothing new" in example[2]


def test_example_is_what_demo_prints(example):
    sql = (example[0] / "delay_by_carrier.sql").read_text()
    shown = run("query", "output/flights.duckdb", sql, cwd=example[0])
    assert shown.returncode == 0, shown.stdout
    assert "Frontier Airlines Inc." in shown.stdout and "21.9" in shown.stdout  # the latest of 2013
