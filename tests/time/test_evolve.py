"""Tomorrow's file has other columns: what each setting makes of it, in files, in a table, in the log and in the report."""

import duckdb
import pyarrow.parquet
import pytest

PIPELINE = """
name: grow
max_rejects: 10
sources:
  drops: {{ files: {{ path: "in/*.csv"{evolve} }} }}
sinks:
  lake: {{ files: {{ path: "out/{{source_stem}}.parquet" }} }}
  table: {{ store: "duckdb:t.duckdb", table: t{write} }}
"""


@pytest.fixture
def grow(place):
    def run(evolve, text, name="b", write="", code=0, first="id,word\n1,x\n2,y\n"):
        place.write("p.yaml", PIPELINE.format(evolve=f", evolve: {evolve}" if evolve else "", write=write))
        if not (place.folder / "t.duckdb").exists():
            place.write("in/a.csv", first)
            place.call("run", "p.yaml")
        for old in (place.folder / "in").iterdir():
            old.unlink()  # as a folder that is cleared each night
        place.write(f"in/{name}.csv", text)
        return place.call("run", "p.yaml", "--report", "report.json", code=code).stderr

    return run


def table(place):
    with duckdb.connect(str(place.folder / "t.duckdb"), read_only=True) as connection:
        rows = connection.sql("SELECT * FROM t ORDER BY id").fetchall()
        types = [(name, kind) for name, kind in connection.sql("SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 't' ORDER BY column_index").fetchall()]
    return rows, types


def columns(place, name):
    return pyarrow.parquet.read_schema(place.folder / "out" / name).names


NEW = "id,word,extra\n3,z,7\n"
GONE = "id\n3\n"
WIDER = "id,word\n3.5,z\n"
SAME = "id,word\n3,z\n"


def test_left_out_each_run_stands_for_itself(place, grow):
    said = grow(None, NEW, code=78)
    assert "column `extra`: the table has none of that name" in said
    assert not (place.folder / ".trommel/grow/columns").exists()


@pytest.mark.parametrize("text,what", [(NEW, "column `extra` is new"), (GONE, "column `word` is gone"), (WIDER, "column `id` was int64 and needs")])
def test_fail_reads_nothing(place, grow, text, what):
    said = grow("fail", text, code=1)
    assert "its columns are not those of earlier runs: " + what in said and "evolve: " in said
    assert len(table(place)[0]) == 2 and not (place.folder / "out/b.parquet").exists()
    # The same columns as ever go through.
    (place.folder / "in/b.csv").unlink()
    grow("fail", SAME, name="c")
    assert len(table(place)[0]) == 3


def test_add_takes_new_columns(place, grow):
    said = grow("add", NEW)
    assert "WARN  drops: column `extra` is new: added" in said
    rows, types = table(place)
    assert rows == [(1, "x", None), (2, "y", None), (3, "z", 7)]
    assert types == [("id", "BIGINT"), ("word", "VARCHAR"), ("extra", "BIGINT")]
    assert columns(place, "b.parquet") == ["id", "word", "extra"]
    assert "drops: column `extra` is new: added" in (place.folder / "report.json").read_text()
    # From now on it belongs to them: a file without it has NULL there, and files keep the column.
    said = grow("add", "id,word\n4,w\n", name="c")
    assert "column `extra` is gone: NULL from now on" in said
    assert table(place)[0][-1] == (4, "w", None)
    assert columns(place, "c.parquet") == ["id", "word", "extra"]


def test_add_takes_no_wider_type(place, grow):
    said = grow("add", WIDER, code=1)
    assert "column `id` was int64 and needs" in said and "`evolve: widen` takes them" in said
    assert len(table(place)[0]) == 2


def test_widen_changes_the_table(place, grow):
    said = grow("widen", WIDER)
    assert "column `id` was int64 and needs" in said and ": widened" in said
    rows, types = table(place)
    assert [float(row[0]) for row in rows] == [1, 2, 3.5]
    assert types[0][1] != "BIGINT"
    # And with a new column at the same time, into text.
    grow("widen", "id,word,extra\nfour,w,1\n", name="c")
    rows, types = table(place)
    assert types == [("id", "VARCHAR"), ("word", "VARCHAR"), ("extra", "BIGINT")]
    assert sorted(row[0] for row in rows)[-1] == "four"


def test_ignore_keeps_the_columns(place, grow):
    said = grow("ignore", "id,word,extra\n3,z,7\nfour,w,8\n")
    assert "column `extra` is new: left out" in said
    rows, types = table(place)
    assert rows == [(1, "x"), (2, "y"), (3, "z")] and len(types) == 2
    assert columns(place, "b.parquet") == ["id", "word"]
    assert "four" in place.call("rejects", "show", "p.yaml").stdout
    said = grow("ignore", GONE.replace("3", "5"), name="c")
    assert "column `word` is gone" in said
    assert table(place)[0][-1] == (5, None)


def test_the_same_columns_say_nothing(place, grow):
    said = grow("add", SAME)
    assert "is new" not in said and "is gone" not in said and "widened" not in said
    # Numbers that would fit a narrower type, or columns in another order, are no difference.
    said = grow("fail", "word,id\nq,9\n", name="c")
    assert table(place)[0][-1] == (9, "q")


def test_plan_shows_the_ddl_and_changes_nothing(place, grow):
    grow("add", SAME)
    (place.folder / "in/b.csv").unlink()
    place.write("in/d.csv", NEW.replace("3,", "8,"))
    text = place.call("plan", "p.yaml").stdout
    assert 'ALTER TABLE "t" ADD COLUMN IF NOT EXISTS "extra" BIGINT' in text
    assert len(table(place)[1]) == 2


def test_a_run_that_is_refused_is_not_remembered(place, grow):
    grow("add", "id,word,extra\n" + "".join(f"{n},z,7\n" for n in range(100)) + 20 * "1,z,7,too many\n", code=1)
    (place.folder / "in/b.csv").unlink()
    said = grow("fail", SAME, name="c")
    assert len(table(place)[0]) == 3 and "gone" not in said


def test_large_numbers_are_not_rounded_by_a_wider_type(place, grow):
    said = grow("widen", "id,word\n1e300,z\n", first="id,word\n9007199254740993,x\n", code=78)
    assert "of its values would be others" in said
    assert table(place)[0] == [(9007199254740993, "x")]


def test_a_contract_and_a_watched_folder_say_it_themselves(place):
    base = PIPELINE.format(evolve=", evolve: add", write="")
    place.write("in/a.csv", SAME)
    place.write("p.yaml", base.replace("evolve: add }", "evolve: add }, contract: { id: BIGINT, word: VARCHAR }"))
    assert "a contract says itself what a difference does" in place.call("lint", "p.yaml", code=78).stderr
    place.write("p.yaml", base.replace("evolve: add", "evolve: add, watch: true"))
    assert "a watched folder is one run without end" in place.call("lint", "p.yaml", code=78).stderr
