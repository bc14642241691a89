"""`init`: what it writes runs as it is, whatever the file."""
import gzip
import json
import os

import duckdb
import pytest

SALES = "id;day;amount;shop;paid\n" + "".join(
    f"{i};2024-0{i % 9 + 1}-1{i % 9};{i * 1.5:.2f};{['Bern', 'Genf'][i % 2]};{['true', 'NA'][i % 7 == 0]}\n" for i in range(200))

FILES = {
    "sales.csv": SALES,
    "Umsatz 2024 (neu).csv": "Datum,Menge,Über\n31.12.2024,007,x\n01.01.2024,008,y\n",
    "american.csv": "when,n\n12/31/2024,1\n01/15/2024,2\n",
    "no_header.csv": "1,2.5,a\n2,3.5,b\n3,4.5,a\n",
    "late.csv": "n\n" + "1\n" * 60000 + "x\n",
    "quotes.csv": "a,b\n\"x, y\",\"he said \"\"no\"\"\"\n\"line\nend\",\"\"\n",
    "empty_column.csv": "a,b,c\n1,,x\n2,,\n",
    "odd names.csv": "a:b,#c,- d,\"e\"\"f\",true,null\n1,2,3,4,5,6\n",
    "same.csv": "Name,name,NAME \n1,2,3\n",
    "ragged.csv": "a,b\n1,2\n3\n4,5\n",
    "header_only.csv": "a,b\n",
    "times.csv": "at,zoned\n2024-01-01T10:00:00,2024-01-01T10:00:00Z\n2024-01-01T11:30:00.5,2024-01-01T12:00:00+02:00\n",
    "big.csv": "n,d\n99999999999999999999,1e3\n1,2.5\n",
    "packed.csv.gz": gzip.compress(SALES.encode()),
    "2024.csv": "a\n1\n",
    "sound.csv": "a\n1\n",
}


@pytest.mark.parametrize("name", sorted(FILES))
def test_runs_as_it_is(trommel, name):
    trommel.write(f"in/{name}", FILES[name])
    trommel("init", f"in/{name}", "-o", "job")
    trommel("lint", "job/pipeline.yaml")
    trommel("run", "job/pipeline.yaml", "--report", "report.json")
    report = json.loads(trommel.read("report.json"))
    [output] = report["outputs"]
    read = json.loads(trommel("profile", f"in/{name}", "--json").out)
    assert output["rows"] == read["rows"]
    rows = duckdb.sql(f"SELECT count(*) FROM '{trommel.folder}/{output['name'].removeprefix(str(trommel.folder) + '/')}'").fetchone()
    assert rows == (read["rows"],)


def test_values_are_those_of_convert(trommel):
    trommel.write("sales.csv", SALES)
    trommel("init", "sales.csv")
    trommel("run", "pipeline.yaml")
    trommel("convert", "sales.csv", "plain.parquet")
    same = duckdb.sql(f"SELECT * FROM '{trommel.folder}/output/sales.parquet' EXCEPT ALL SELECT * FROM '{trommel.folder}/plain.parquet'")
    assert same.fetchall() == []


def test_comments_say_what_was_found(trommel):
    trommel.write("sales.csv", SALES)
    done = trommel("init", "sales.csv")
    pipeline, contract = trommel.read("pipeline.yaml"), trommel.read("contract.yaml")
    assert "delimiter ';'" in pipeline and "path: sales.csv" in pipeline and "contract: contract.yaml" in pipeline
    assert "nulls: [NA]" in contract and "day: { type: DATE, required: true }" in contract
    assert "# allowed: [Bern, Genf]" in contract and "paid: BOOLEAN" in contract
    assert "trommel run pipeline.yaml" in done.out
    # Each suggestion can be moved from its comment into the line.
    assert all(line.count("#") <= 1 for line in contract.splitlines() if line[0] != "#")


def test_never_overwrites_without_force(trommel):
    trommel.write("sales.csv", SALES)
    trommel.write("contract.yaml", "mine\n")
    done = trommel("init", "sales.csv", expect=1)
    assert "contract.yaml" in done.err and "--force" in done.err
    assert trommel.read("contract.yaml") == "mine\n" and not (trommel.folder / "pipeline.yaml").exists()
    trommel("init", "sales.csv", "--force")
    assert "columns:" in trommel.read("contract.yaml")


def test_folders_and_globs(trommel):
    for i in range(3):
        trommel.write(f"in/part {i}.csv", SALES)
    trommel.write("in/readme.txt", "not data")
    done = trommel("init", "in", "-o", "jobs/a")
    assert "the 3 of kind .csv" in done.err
    trommel("run", "jobs/a/pipeline.yaml")
    trommel("init", "in/part*.csv", "-o", "jobs/b")
    trommel("run", "jobs/b/pipeline.yaml", "--json")
    for job in "ab":
        rows = duckdb.sql(f"SELECT count(*) FROM '{trommel.folder}/jobs/{job}/output/in.parquet'").fetchone()
        assert rows == (600,)
    os.mkdir(trommel.folder / "empty")
    assert "no data file" in trommel("init", "empty", expect=1).err


def test_other_formats(trommel):
    trommel.write("sales.csv", SALES)
    trommel("convert", "sales.csv", "sales.parquet")
    duckdb.sql(f"""COPY (SELECT i AS id, [i, 2 * i] AS list, {{'a': i, 'b': 'x'}} AS part, TIMESTAMPTZ '2024-01-01 00:00:00+00' AS at,
                 i::DECIMAL(12,2) AS price FROM range(10) r(i)) TO '{trommel.folder}/nested.parquet'""")
    for name in ["sales.parquet", "nested.parquet"]:
        trommel("init", name, "-o", name + ".job")
        trommel("run", name + ".job/pipeline.yaml")


def test_what_cannot_be_read_again(trommel):
    assert "no data file that could be read again" in trommel("init", "-", expect=64).err
    assert "no file matches" in trommel("init", "none.csv", expect=1).err
    assert os.listdir(trommel.folder) == []
