"""JSON files of all layouts against DuckDB's read_json and pyarrow, and round trips through our own writer."""
import datetime
import decimal
import json
import random

import duckdb
import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq
import pytest

LAYOUTS = {
    "lines": lambda rows: "".join(json.dumps(row) + "\n" for row in rows),
    "utf8": lambda rows: "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\r\n" for row in rows),
    "array": lambda rows: json.dumps(rows),
    "pretty": lambda rows: json.dumps(rows, indent=2),
    "objects": lambda rows: "\n".join(json.dumps(row, indent=1) for row in rows),
    "array of lines": lambda rows: "[" + ",\n".join(json.dumps(row) for row in rows) + "]\n",
}


def records(count=5000):
    draw = random.Random(2)
    rows = []
    for i in range(count):
        row = {"id": i, "name": draw.choice(["Zoë", 'q"uote', "tab\t", "new\nline", "back\\slash", "", "𝄞", "{[,]}"]), "x": draw.random(),
               "day": f"2024-01-{1 + i % 28:02}", "at": f"2024-01-01T00:00:{i % 60:02}", "ok": i % 2 == 0, "tags": ["a", "b", None][: i % 4],
               "points": [{"x": i, "y": 0.5}, {"x": i + 1}][: i % 3], "geo": {"lat": 1.5, "deep": {"k": [i, None]}} if i % 4 else None, "zip": "01234"}
        if i % 5 == 0:
            del row["x"]
        if i > 100 and i % 7 == 0:
            row["late"] = i
        rows.append(row)
    return rows


@pytest.mark.parametrize("layout", LAYOUTS)
def test_rows_and_types_are_those_of_duckdb(trommel, tmp_path, layout):
    rows = records()
    (tmp_path / "in.json").write_bytes(LAYOUTS[layout](rows).encode())
    (tmp_path / "lines.jsonl").write_text(LAYOUTS["lines"](rows))
    trommel("convert", "in.json", "out.parquet")
    ours = duckdb.sql(f"FROM '{tmp_path}/out.parquet' ORDER BY id")
    theirs = duckdb.sql(f"FROM read_json('{tmp_path}/lines.jsonl') ORDER BY id")
    assert list(zip(ours.columns, ours.types)) == list(zip(theirs.columns, theirs.types))
    assert ours.fetchall() == theirs.fetchall()
    table = pq.read_table(tmp_path / "out.parquet")
    other = pa.json.read_json(tmp_path / "lines.jsonl")
    for name in ["id", "name", "x", "ok", "tags", "points", "geo", "zip", "late"]:
        assert table[name].to_pylist() == other[name].to_pylist(), name


@pytest.mark.parametrize("layout", ["lines", "array", "objects"])
def test_larger_than_the_sample_with_a_late_surprise(trommel, tmp_path, layout):
    rows = records(60_000)
    rows[-2]["id"] = 1.5
    rows[-3]["surprise"] = {"a": [1]}
    rows[-5]["geo"]["deep"]["new"] = "x"
    (tmp_path / "in.json").write_text(LAYOUTS[layout](rows))
    trommel("convert", "in.json", "out.parquet")
    got = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert len(got) == len(rows)
    assert got[-2]["id"] == 1.5 and got[-3]["surprise"] == {"a": [1]} and got[-5]["geo"]["deep"]["new"] == "x" and got[0]["surprise"] is None


@pytest.mark.parametrize("sink", ["out.csv", "out.jsonl"])
def test_nested_values_leave_as_json_text_and_as_json(trommel, tmp_path, sink):
    rows = records(50)
    (tmp_path / "in.json").write_text(json.dumps(rows))
    trommel("convert", "in.json", sink)
    if sink == "out.csv":
        got = duckdb.sql(f"SELECT geo FROM read_csv('{tmp_path}/out.csv', all_varchar=true)").fetchall()
        assert [json.loads(row[0]) if row[0] else None for row in got] == [row["geo"] for row in rows]
    else:
        got = [json.loads(line) for line in (tmp_path / sink).read_text().splitlines()]
        assert [row["geo"] for row in got] == [row["geo"] for row in rows] and [row["name"] for row in got] == [row["name"] for row in rows]


def test_what_we_write_reads_back_through_its_contract(trommel, tmp_path):
    table = pa.table({
        "i": pa.array([1, None, -2**63], pa.int64()), "u": pa.array([2**64 - 1, 0, None], pa.uint64()),
        "d": pa.array([decimal.Decimal("12345678901234567890.123456789"), None, decimal.Decimal("-0.000000001")], pa.decimal128(38, 9)),
        "x": pa.array([0.1, float("nan"), float("-inf")]), "b": pa.array([True, None, False]), "s": pa.array(['ä"\\\n', "", None]),
        "day": pa.array([datetime.date(1900, 1, 1), None, datetime.date(2999, 12, 31)]), "at": pa.array([0, 1, None], pa.timestamp("us", "UTC")),
        "raw": pa.array([b"\x00\xff", b"", None]), "l": pa.array([[1, None], [], None], pa.list_(pa.int32())),
        "o": pa.array([{"a": 1, "b": [{"c": "x"}]}, None, {"a": None, "b": []}], pa.struct([("a", pa.int32()), ("b", pa.list_(pa.struct([("c", pa.string())])))])),
        "m": pa.array([[("k", 1.5)], [], None], pa.map_(pa.string(), pa.float64()))})
    pq.write_table(table, tmp_path / "in.parquet")
    trommel("convert", "in.parquet", "mid.jsonl")
    (tmp_path / "c.yaml").write_text("i: int64\nu: uint64\nd: decimal(38,9)\nx: double\nb: bool\ns: string\nday: date\nat: timestamp(us, UTC)\nraw: binary\nl: list<int32>\n"
                                     "o: 'struct<a: int32, b: list<struct<c: string>>>'\nm: 'map<string, double>'\n")
    (tmp_path / "p.yaml").write_text("name: p\nsources:\n  s: { files: mid.jsonl, contract: c.yaml }\nsinks:\n  out: { files: out.parquet }\n")
    trommel("run", "p.yaml")
    back = pq.read_table(tmp_path / "out.parquet")
    for name in table.column_names:
        assert str(back[name].to_pylist()) == str(table[name].to_pylist()), name
    assert back.schema.field("d").type == pa.decimal128(38, 9) and back.schema.field("o").type == table.schema.field("o").type


def test_rejects_name_line_and_bytes(trommel, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"id": 1}\n{"id": 2,}\n\n{"id": "x"}\n{"id": 4}\n')
    (tmp_path / "p.yaml").write_text("name: p\nmax_rejects: 10\nsources:\n  s: { files: in.jsonl, contract: { id: int64 } }\nsinks:\n  out: { files: out.parquet }\n")
    trommel("run", "p.yaml")
    log = [json.loads(line) for path in tmp_path.glob("**/rejects/**/*.jsonl") for line in path.read_text().splitlines()]
    assert [(entry["code"], entry["line"], entry["raw"], entry["position"]) for entry in log] == [("json", 2, '{"id": 2,}', 10), ("cast", 4, '{"id": "x"}', 22)]
    assert pq.read_table(tmp_path / "out.parquet")["id"].to_pylist() == [1, 4]


def test_a_rule_below_still_knows_the_record(trommel, tmp_path):
    (tmp_path / "in.json").write_text('[\n  {"id": 1},\n  {\n    "id": 200\n  }\n]\n')
    (tmp_path / "p.yaml").write_text("name: p\nmax_rejects: 10\nsources:\n  s: { files: in.json }\ntransforms:\n  c: { check: { rules: { id: { max: 100 } } } }\nsinks:\n  out: { files: out.parquet }\n")
    trommel("run", "p.yaml")
    (entry,) = [json.loads(line) for path in tmp_path.glob("**/rejects/**/*.jsonl") for line in path.read_text().splitlines()]
    assert (entry["line"], entry["raw"]) == (3, '{\n    "id": 200\n  }')


def test_a_store_takes_nested_columns(trommel, tmp_path):
    rows = records(200)
    (tmp_path / "in.json").write_text(json.dumps(rows))
    (tmp_path / "p.yaml").write_text("name: p\nsources:\n  s: { files: in.json }\nsinks:\n  out: { store: w, table: t }\nstores:\n  w: duckdb:w.duckdb\n")
    trommel("run", "p.yaml")
    with duckdb.connect(str(tmp_path / "w.duckdb")) as connection:
        assert connection.sql("SELECT geo, points FROM t ORDER BY id").fetchall() == [(row["geo"], [{"x": p["x"], "y": p.get("y")} for p in row["points"]]) for row in rows]
