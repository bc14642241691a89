"""What the verbs do with data: every direction of convert, standard streams, a run with its rejects, Ctrl-C."""
import csv
import io
import json
import os
import re
import signal
import time

import duckdb
import pyarrow.parquet
import pytest

PEOPLE = "id,name,born,height\n1,Ann,1990-02-01,1.75\n2,\"Bob, the 2nd\",1985-12-31,\n3,Zoë,2001-07-15,1.62\n"


def rows_of(path):
    kind = path.suffix
    if kind == ".parquet":
        return pyarrow.parquet.read_table(path).to_pylist()
    reader = "read_csv" if kind == ".csv" else "read_json"
    return duckdb.sql(f"select * from {reader}('{path}')").fetchall()


def plain(rows):
    return [[None if v is None else str(v) for v in (row.values() if isinstance(row, dict) else row)] for row in rows]


@pytest.mark.parametrize("to", ["parquet", "csv", "json"])
@pytest.mark.parametrize("via", ["csv", "parquet"])
def test_convert_in_every_direction(trommel, via, to):
    trommel.write("in.csv", PEOPLE)
    trommel("convert", "in.csv", f"a.{via}")
    done = trommel("convert", f"a.{via}", f"b.{to}")
    assert done.out == ""
    assert plain(rows_of(trommel.folder / f"b.{to}")) == [["1", "Ann", "1990-02-01", "1.75"], ["2", "Bob, the 2nd", "1985-12-31", None],
                                                          ["3", "Zoë", "2001-07-15", "1.62"]]
    assert sorted(os.listdir(trommel.folder)) == sorted({"in.csv", f"a.{via}", f"b.{to}"})


def test_convert_says_what_it_guessed_and_wrote(trommel):
    trommel.write("in.csv", PEOPLE.replace(",", ";"))
    err = trommel("convert", "in.csv", "out.parquet").err
    assert "out.parquet: 3 rows" in err
    assert re.search(r"delimiter.*;", err), err
    assert trommel("convert", "in.csv", "out.parquet", "-q").err == ""


def test_convert_csv_twice_gives_the_same_bytes(trommel):
    trommel.write("in.csv", PEOPLE)
    trommel("convert", "in.csv", "a.csv")
    trommel("convert", "a.csv", "b.csv")
    assert trommel.read("a.csv") == trommel.read("b.csv")


def test_standard_streams(trommel):
    done = trommel("convert", "-", "-", "--from", "csv", "--to", "json", stdin=PEOPLE.encode())
    assert [json.loads(line)["name"] for line in done.out.splitlines()] == ["Ann", "Bob, the 2nd", "Zoë"]
    trommel("convert", "-", "out.parquet", stdin=PEOPLE.encode())
    assert len(rows_of(trommel.folder / "out.parquet")) == 3
    assert trommel("convert", "-", "-", stdin=PEOPLE.encode()).out.startswith("id,name")


def test_a_reader_that_goes_away_is_no_error(trommel):
    trommel.write("in.csv", "n\n" + "".join(f"{n}\n" for n in range(300_000)))
    trommel("convert", "in.csv", "in.parquet")
    process = trommel.start("query", "in.parquet", "select * from data", "--csv")
    assert process.stdout.readline() == b"n\n"
    process.stdout.close()
    assert process.wait(30) == 0
    assert process.stderr.read() == b""


def test_out_is_replaced_in_one_step(trommel):
    trommel.write("in.csv", PEOPLE)
    trommel.write("out.csv", "something else\n")
    trommel("convert", "in.csv", "out.csv")
    assert trommel.read("out.csv").startswith("id,name")
    before = trommel.read("out.csv")
    trommel.write("bad.csv", PEOPLE + "4,too,many,columns,here\n")
    trommel("convert", "bad.csv", "out.csv", expect=1)
    assert trommel.read("out.csv") == before
    assert sorted(os.listdir(trommel.folder)) == ["bad.csv", "in.csv", "out.csv"]


def test_rejects_of_convert_are_named(trommel):
    trommel.write("bad.csv", PEOPLE + "4,too,many,columns,here\n")
    refused = trommel("convert", "bad.csv", "out.csv", expect=1)
    assert "line 5" in refused.err and "--max-rejects" in refused.err, refused.err
    allowed = trommel("convert", "bad.csv", "out.csv", "--max-rejects", "1")
    assert "line 5" in allowed.err or "1 rejected" in allowed.err
    assert len(trommel.read("out.csv").splitlines()) == 4


def test_settings_from_the_command_line(trommel):
    trommel.write("in.csv", "a|b\n1|NA\n2|3\n")
    trommel("convert", "in.csv", "out.json", "--in", "nulls=[NA]", "-d", "|")
    assert [json.loads(line) for line in trommel.read("out.json").splitlines()] == [{"a": 1, "b": None}, {"a": 2, "b": 3}]
    assert "did you mean `delimiter`" in trommel("convert", "in.csv", "out.json", "--in", "delimeter=|", expect=64).err


def test_unknown_extension(trommel):
    trommel.write("in.csv", PEOPLE)
    assert "`out.xyz` names no format" in trommel("convert", "in.csv", "out.xyz", expect=64).err


def test_missing_input(trommel):
    assert trommel("convert", "nowhere.csv", "out.csv", expect=1).err.startswith("error: nowhere.csv: no file matches")
    assert os.listdir(trommel.folder) == []


def test_query_a_file(trommel):
    trommel.write("people.csv", PEOPLE)
    assert trommel("query", "people.csv", "select count(*) as n from people").out.split() == ["n", "─", "3"]
    lines = trommel("query", "people.csv", "select * from data order by id", "--json").out.splitlines()
    assert json.loads(lines[1]) == {"id": 2, "name": "Bob, the 2nd", "born": "1985-12-31", "height": None}
    table = list(csv.reader(io.StringIO(trommel("query", "people.csv", "select * from data", "--csv").out)))
    assert table[0] == ["id", "name", "born", "height"] and table[2] == ["2", "Bob, the 2nd", "1985-12-31", ""]
    assert "… 1 of 3 rows" in trommel("query", "people.csv", "select * from data", "--limit", "1").out
    assert "peeple" in trommel("query", "people.csv", "select * from peeple", expect=64).err


PIPELINE = """\
name: people
sources:
  drops: { files: in.csv }
transforms:
  tidy: { clean: { names: snake_case, trim: true } }
  sound: { check: { rules: { age: { min: 0, max: 130 } } } }
sinks:
  lake: { files: out.parquet }
"""
AGES = "Name,Age\n ann ,31\nbob,200\ncid,-1\ndan,44\n"


def test_run_refuses_and_says_what_to_write(trommel):
    trommel.write("p.yaml", PIPELINE)
    trommel.write("in.csv", AGES)
    refused = trommel("run", "p.yaml", expect=1)
    assert "max_rejects: 2" in refused.err
    assert "in.csv line 3" in refused.err and "200 is above 130" in refused.err, refused.err
    assert not (trommel.folder / "out.parquet").exists()


def test_run_balances_reports_and_keeps_rejects(trommel):
    trommel.write("p.yaml", PIPELINE)
    trommel.write("in.csv", AGES)
    done = trommel("run", "p.yaml", "--max-rejects", "50%", "--report", "report.json")
    assert re.search(r"^lake +4 +2 +2 +0 +ok$", done.out, re.M), done.out
    report = json.loads(trommel.read("report.json"))
    assert report["outcome"] == "published" and report["sinks"][0]["written"] == 2
    listed = trommel("rejects", "list", "p.yaml").out
    assert re.search(r"1 +sound +max +age", listed) and re.search(r"1 +sound +min +age", listed)
    shown = trommel("rejects", "show", "p.yaml", "--reason", "max").out
    assert "in.csv line 3" in shown and "| bob,200" in shown and "cid" not in shown
    assert json.loads(trommel("rejects", "show", "people", "--limit", "1", "--json").out)["stage"] == "sound"
    assert "nothing new" in trommel("run", "p.yaml").err
    assert len(rows_of(trommel.folder / "out.parquet")) == 2


def test_run_as_json_and_quiet(trommel):
    trommel.write("p.yaml", PIPELINE)
    trommel.write("in.csv", AGES)
    done = trommel("run", "p.yaml", "--max-rejects", "2", "--json", "--log-format", "json")
    assert json.loads(done.out)["outcome"] == "published"
    assert all(json.loads(line)["level"] for line in done.err.splitlines())
    trommel.write("q.yaml", PIPELINE.replace("people", "quiet").replace("out.", "quiet."))
    silent = trommel("run", "q.yaml", "--max-rejects", "2", "--quiet")
    assert silent.out == "" and silent.err == ""


def test_query_a_store_and_the_stores_of_a_pipeline(trommel):
    trommel.write("p.yaml", PIPELINE + "  table: { store: warehouse, table: people }\nstores:\n  warehouse: duckdb:people.duckdb\n")
    trommel.write("in.csv", AGES)
    assert "not there yet" in trommel("query", "p.yaml", "select 1", expect=1).err
    trommel("run", "p.yaml", "--max-rejects", "2")
    for store in ["people.duckdb", "duckdb:people.duckdb", "p.yaml"]:
        asked = trommel("query", store, "select name, age from people order by age", "--json").out
        assert [json.loads(line) for line in asked.splitlines()] == [{"name": "ann", "age": 31}, {"name": "dan", "age": 44}]
    assert trommel("query", "p.yaml", "select count(*) as n from warehouse.people", "--csv").out == "n\n2\n"
    for store in ["people.duckdb", "p.yaml"]:
        assert "read-only" in trommel("query", store, "delete from people", expect=1).err


def test_plan_shows_and_writes_nothing(trommel):
    trommel.write("p.yaml", PIPELINE)
    trommel.write("in.csv", AGES)
    text = trommel("plan", "p.yaml").out
    assert "2 of 4 sample rows would be rejected here" in text and "in.csv line 3" in text
    assert re.search(r"^ann +31$", text, re.M), text
    plan = json.loads(trommel("plan", "p.yaml", "--json").out)
    assert [node["name"] for node in plan["nodes"]] == ["drops", "tidy", "sound", "lake"]
    assert plan["nodes"][3]["sample"]["rows"] == [{"name": "ann", "age": 31}, {"name": "dan", "age": 44}]
    assert sorted(os.listdir(trommel.folder)) == ["in.csv", "p.yaml"]


def test_variables_from_the_command_line(trommel):
    trommel.write("p.yaml", PIPELINE.replace("out.parquet", "${OUT}"))
    trommel.write("in.csv", AGES)
    assert "OUT" in trommel("lint", "p.yaml", expect=78).err
    trommel("run", "p.yaml", "-D", "OUT=given.csv", "--max-rejects", "2")
    assert (trommel.folder / "given.csv").exists()


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_cleanly(trommel, sign):
    process = trommel.start("convert", "-", "out.csv", "--from", "csv")
    process.stdin.write(b"a,b\n" + b"1,2\n" * 200_000)
    process.stdin.flush()
    time.sleep(1)
    process.send_signal(sign)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 1, err
    assert b"stopped" in err and b"published" in err
    assert os.listdir(trommel.folder) == []
