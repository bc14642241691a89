"""`preview`: the first rows, and what was guessed and why."""
import json
import os

PEOPLE = "id;name;born\n1;Ann;1990-02-01\n2;Bob;NA\n3;Zo\u00eb;2001-07-15\n"


def test_shows_rows_types_and_guesses(trommel):
    trommel.write("people.csv", PEOPLE)
    out = trommel("preview", "people.csv").out
    lines = out.splitlines()
    assert lines[0] == "people.csv"
    assert any("delimiter \';\'" in line for line in lines) and any("null marker NA" in line for line in lines)
    table = out.split("\n\n")[1].splitlines()
    assert table[0].split() == ["id", "name", "born"]
    assert table[2].split() == ["int64", "string", "date"]
    assert table[-1] == "3 rows, 3 columns"
    assert "NULL" in table[5]
    assert os.listdir(trommel.folder) == ["people.csv"]


def test_shows_as_many_rows_as_asked_for(trommel):
    trommel.write("people.csv", PEOPLE)
    out = trommel("preview", "people.csv", "-n", 2).out
    assert out.endswith("first 2 rows, 3 columns\n") and "Bob" in out and "2001" not in out


def test_columns_of_wide_files_stand_below_each_other(trommel):
    names = [f"a_rather_long_name_{i}" for i in range(40)]
    trommel.write("wide.csv", ",".join(names) + "\n" + ",".join(map(str, range(40))) + "\n")
    out = trommel("preview", "wide.csv", "--columns").out
    assert any(line.split() == ["a_rather_long_name_39", "int64", "39"] for line in out.splitlines())


def test_json_and_settings_and_standard_input(trommel):
    told = json.loads(trommel("preview", "-", "--json", "-d", ";", "--in", "nulls=[Bob]", stdin=PEOPLE.encode()).out)
    assert [column["name"] for column in told["columns"]] == ["id", "name", "born"]
    assert [row["name"] for row in told["rows"]] == ["Ann", None, "Zo\u00eb"]
    assert told["more"] is False and told["unread"] == [] and told["guesses"]


def test_names_rows_that_cannot_be_read(trommel):
    trommel.write("people.csv", PEOPLE + "4;too;1990-01-01;many\n")
    done = trommel("preview", "people.csv")
    assert "people.csv line 5" in done.err and "3 rows" in done.out


def test_reads_only_the_beginning(trommel):
    trommel.write("big.csv", "id\n" + "".join(f"{i}\n" for i in range(2_000_000)) + "x\n")
    assert json.loads(trommel("preview", "big.csv", "--json").out)["columns"] == [{"name": "id", "type": "int64"}]
    assert "no file matches" in trommel("preview", "none.csv", expect=1).err
    assert "unknown key `delimeter`" in trommel("preview", "big.csv", "--in", "delimeter=x", expect=64).err
