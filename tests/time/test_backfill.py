"""Days that run again: which files are read, what takes the place of what, and that a crash in the middle doubles nothing."""

import collections
import pathlib
import random
import sys

import duckdb
import pyarrow.parquet
import pytest

PIPELINE = """
name: daily
sources:
  days: {{ files: {{ path: "{path}" }}, contract: {{ day: DATE, id: BIGINT }} }}
{transforms}
sinks:
  lake: {{ from: {last}, files: {{ path: "out/{{source_stem}}.parquet", if_exists: replace }} }}
  table: {{ from: {last}, store: "duckdb:t.duckdb", table: t, write: replace_partitions, partition_by: [day] }}
{more}
"""
PATH = "in/sales-{date:%Y-%m-%d}.csv"


class Days:
    """A file a day; what is expected of the table and of the files."""

    def __init__(self, place):
        self.place = place
        self.rows = {}

    def pipeline(self, path=PATH, transforms="", last="days", more=""):
        self.place.write("p.yaml", PIPELINE.format(path=path, transforms=transforms, last=last, more=more))

    def day(self, day, ids, name="in/sales-{}.csv"):
        self.rows[day] = list(ids)
        self.place.write(name.format(day), "day,id\n" + "".join(f"{day},{number}\n" for number in ids))

    def table(self):
        with duckdb.connect(str(self.place.folder / "t.duckdb"), read_only=True) as connection:
            return collections.Counter(connection.sql("SELECT day::VARCHAR, id FROM t").fetchall())

    def lake(self):
        found = collections.Counter()
        for file in (self.place.folder / "out").glob("*.parquet"):
            table = pyarrow.parquet.read_table(file)
            found.update(zip(map(str, table["day"].to_pylist()), table["id"].to_pylist()))
        return found

    def expect(self):
        wanted = collections.Counter((day, number) for day, ids in self.rows.items() for number in ids)
        assert self.table() == wanted
        assert self.lake() == wanted


@pytest.fixture
def days(place):
    made = Days(place)
    made.pipeline()
    for number in range(1, 6):
        made.day(f"2026-01-0{number}", range(number * 100, number * 100 + 10))
    return made


def test_days_that_run_again_take_the_place_of_themselves(place, days):
    place.call("run", "p.yaml")
    days.expect()
    days.day("2026-01-02", [1, 2, 3])  # mended at the source
    days.day("2026-01-04", range(50))
    report = place.json("run", "p.yaml", "--from", "2026-01-02", "--to", "2026-01-04")
    assert report["inputs"] == 3 and report["nodes"][0]["counts"]["read"] == 3 + 10 + 50
    days.expect()
    for _ in range(2):  # again and again: the same
        place.call("run", "p.yaml", "--from", "2026-01-01", "--to", "2026-01-05")
        days.expect()
    assert "nothing new" in place.call("run", "p.yaml").stderr
    days.expect()


def test_days_that_were_not_taken_yet(place, days):
    place.call("run", "p.yaml", "--from", "2026-01-04")
    assert {day for day, _ in days.table()} == {"2026-01-04", "2026-01-05"}
    place.call("run", "p.yaml")  # the others
    days.expect()


def test_days_without_a_file_are_told(place, days):
    (place.folder / "in/sales-2026-01-03.csv").unlink()
    said = place.call("run", "p.yaml", "--from", "2025-12-30", "--to", "2026-01-04").stderr
    assert "there is no file of 2025-12-30, 2025-12-31, 2026-01-03\n" in said
    none = place.call("run", "p.yaml", "--from", "2027-01-01", code=1).stderr
    assert "no file is of a day from 2027-01-01" in none


def test_a_path_with_a_date_without_a_backfill(place, days):
    place.write("in/sales-2026-99-99.csv", "not a day\n")
    place.write("in/sales-2026-01-01-copy.csv", "not of the pattern\n")
    place.call("run", "p.yaml")
    days.expect()


@pytest.mark.parametrize("path,name", [
    ("in/{date:%Y/%m/%d}/sales-{date:%Y%m%d}.csv", "in/2026/01/{day:02}/sales-202601{day:02}.csv"),
    ("in/{date:%Y}/*-{date:%d.%m.%Y}.csv", "in/2026/a-{day:02}.01.2026.csv"),
])
def test_other_ways_to_write_a_day(place, path, name):
    days = Days(place)
    days.pipeline(path)
    for number in (1, 2, 3):
        days.day(f"2026-01-0{number}", [number], name.format(day=number))
    place.call("run", "p.yaml")
    days.expect()
    days.day("2026-01-02", [7, 8], name.format(day=2))
    place.call("run", "p.yaml", "--from", "2026-01-02", "--to", "2026-01-02")
    days.expect()


def refused(place, code=78):
    return place.call("run", "p.yaml", "--from", "2026-01-01", code=code).stderr


def test_what_cannot_run_again_is_refused(place, days):
    days.pipeline("in/*.csv")
    assert "p.yaml:4:26: the path does not say where the day of a file stands (such as in/{date:%Y-%m-%d}.csv)" in refused(place)
    days.pipeline(more='  plain: { from: days, store: "duckdb:t.duckdb", table: u }\n  parts: { from: days, files: { path: parts/, partition_by: [day] } }\n  one: { from: days, files: { path: all.csv, if_exists: replace } }')
    said = refused(place)
    for sink in ("plain", "parts", "one"):
        assert f"rows of a day that runs again would be twice in `{sink}`" in said
    assert "write: replace_partitions" in said and "if_exists: replace" in said and "error: 3 mistakes" in said
    place.write("in/2026-01-01/sales.csv", "day,id\n2026-01-01,1\n")
    days.pipeline("in/{date:%Y-%m-%d}/sales.csv")
    assert "one day would replace another" in refused(place)
    days.pipeline()
    text = (place.folder / "p.yaml").read_text()
    place.write("p.yaml", text.replace('.csv" }', '.csv", watch: true }'))
    assert "is watched for what is new" in refused(place)
    place.write("p.yaml", text)
    assert "is no day" in place.call("run", "p.yaml", "--from", "2026-02-30", code=64).stderr
    assert "lies before" in place.call("run", "p.yaml", "--from", "2026-02-03", "--to", "2026-02-01", code=64).stderr
    assert not (place.folder / "t.duckdb").exists()


def test_steps_that_remember_rows_are_refused(place, days):
    days.pipeline(transforms="transforms: { once: { from: days, dedupe: { by: [id], within: 1d } } }", last="once")
    place.call("run", "p.yaml")
    days.expect()
    assert "remembers what earlier runs held" in refused(place)
    days.expect()


def test_paths_that_are_wrong(place, days):
    for path, what in (("in/{date:%Y-%m}.csv", "must hold the whole day"), ("in/{date:%Y-%j-%d}.csv", "must be made of %Y, %m and %d")):
        days.pipeline(path)
        assert what in place.call("lint", "p.yaml", code=78).stderr


def test_a_crash_in_the_middle_doubles_and_loses_nothing(place, days):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "crash"))
    import trip

    aside = place.folder.parent / (place.folder.name + "-aside")
    aside.mkdir()
    wire = trip.Tripwire(aside)
    place.call("run", "p.yaml")
    again = ("run", "p.yaml", "--from", "2026-01-02", "--to", "2026-01-04")
    calls = wire.run(place.folder, *again, do="kill", at=0).calls
    assert calls > 50
    draw = random.Random(7)
    steps = [draw.randint(part * calls // 12 + 1, (part + 1) * calls // 12) for part in range(12)]
    for number, at in enumerate(steps):
        before = dict(days.rows)
        days.day("2026-01-02", range(number, number + 5))
        days.day("2026-01-04", [number])
        end = wire.run(place.folder, *again, do="kill", at=at)
        if end.tripped:
            assert end.code == -9
            # A plain run after it: the day as it was, or as it is now, and the other parts of the pipeline with it.
            place.call("run", "p.yaml")
        place.call(*again)
        days.expect()
        assert before != days.rows
