"""Rejects of every stage, mended in every way, and killed in between."""

import collections
import csv
import io
import json
import signal
import subprocess
import time

import duckdb
from conftest import AT, BAD, CONTRACT, GOOD, SINK, good, row
from mending import after_all, mend, read_csv, write_csv

def test_an_edited_export_as_csv(sales):
    sales.start()
    sales.run("rejects", "export", "p.yaml", "bad.csv")
    rows = read_csv(sales.folder / "bad.csv")
    assert len(rows) == 5
    by_stage = {one["reject_stage"]: one for one in rows if one["amount"] != "1,5"}
    assert by_stage["judged"]["amount"] == "5000.25" and by_stage["judged"]["moment"].startswith("2026-01-02")
    assert by_stage["sales"]["reject_raw"] == BAD["ragged"]
    assert sorted(one["reject_line"] for one in rows) == ["12", "13", "14", "15", "16"]
    mend(rows)
    # As a spreadsheet of another country saves it.
    write_csv(sales.folder / "mended.csv", rows, delimiter=";")
    said = sales.replay("mended.csv")
    assert "5 rejects replayed" in said
    after_all(sales)
    said = sales.replay("mended.csv")
    assert "5 rejects already replayed" in said and "nothing to replay" in said
    after_all(sales)


def test_an_edited_export_as_json(sales):
    sales.start()
    sales.run("rejects", "export", "p.yaml", "bad.jsonl")
    lines = [json.loads(line) for line in (sales.folder / "bad.jsonl").read_text().splitlines()]
    assert {line["reject_stage"]: line["row"]["amount"] for line in lines if "row" in line} == {
        "judged": "5000.25",
        "halved": "4.50",
        "table": "5.50",
    }
    for line in lines:
        if "row" not in line:
            line["reject_raw"] = line["reject_raw"].replace(",more", "").replace('"1,5"', "1.50")
        elif line["reject_stage"] == "judged":
            line["row"]["amount"] = 500.25
        else:
            line["row"]["code"] = 30 if line["reject_stage"] == "table" else "12"
    (sales.folder / "mended.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "5 rejects replayed" in sales.replay("mended.jsonl")
    after_all(sales)
    assert "nothing to replay" in sales.replay("mended.jsonl")
    after_all(sales)


SQL = {
    "sales --reason cast": "SELECT * REPLACE (replace(amount, ',', '.') AS amount) FROM rejects",
    "sales --reason ragged": "SELECT * REPLACE (replace(reject_raw, ',more', '') AS reject_raw) FROM rejects",
    "judged": "SELECT * REPLACE (CAST(amount AS DECIMAL(10,2)) - 4500 AS amount) FROM rejects",
    "halved": "SELECT * REPLACE (12 AS code) FROM rejects",
    "table": "SELECT * REPLACE (CAST(code AS INTEGER) // 10 AS code) FROM rejects",
}


def test_sql(sales):
    sales.start()
    for stage, sql in SQL.items():
        name, *reason = stage.split()
        assert "1 reject replayed" in sales.replay("--stage", name, *reason, "--sql", sql)
    after_all(sales)
    for stage, sql in SQL.items():
        name, *reason = stage.split()
        assert "nothing to replay" in sales.replay("--stage", name, *reason, "--sql", sql)
    after_all(sales)


def test_a_corrected_pipeline(sales):
    """Nothing is mended but the contract, the rule, the SQL and the table."""
    sales.start()
    loose = CONTRACT.replace('amount: "DECIMAL(10,2)"', "amount: { type: \"DECIMAL(10,2)\", nulls: [\"1,5\"] }")
    sales.pipeline(contract=loose, most="10000", files='watch: true, after: delete, ragged: pad')
    text = (sales.folder / "p.yaml").read_text()
    text = text.replace("CAST(code AS INTEGER)", "COALESCE(TRY_CAST(code AS INTEGER), 0)")
    text = text.replace("table: t,", "table: t2,").replace("code: UTINYINT", "code: INTEGER")
    (sales.folder / "p.yaml").write_text(text)
    said = sales.replay()
    # One field too many is still too many: it is a reject again, under a new id, and nothing of it is lost.
    assert sales.open() == {"sales": 1}
    (again,) = sales.rejects()
    assert again["code"] == "ragged" and again["line"] == 13 and again["raw"] == BAD["ragged"] and again["replays"]
    with duckdb.connect(str(sales.folder / "t.duckdb"), read_only=True) as connection:
        there = connection.sql("SELECT id, amount, code FROM t2 ORDER BY id").fetchall()
    assert [(i, None if a is None else str(a), c) for i, a, c in there] == [
        (1, None, 7), (3, "5000.25", 9), (4, "4.50", 0), (5, "5.50", 300),
    ]
    assert "5 rejects replayed" in said
    # Mended at last, by its new id.
    said = sales.replay(again["id"], "--sql", "SELECT * REPLACE (replace(reject_raw, ',more', '') AS reject_raw) FROM rejects")
    assert "1 reject replayed" in said and sales.rejects() == []


def test_by_ids(sales):
    sales.start()
    sales.pipeline(most="10000")
    checked = next(reject for reject in sales.rejects() if reject["stage"] == "judged")
    assert "1 reject replayed" in sales.replay(checked["id"])
    assert "1 reject already replayed" in sales.replay(checked["id"])
    assert sales.open() == {"sales": 2, "halved": 1, "table": 1}
    assert sales.table() == collections.Counter(good() + [row(BAD["check"])])
    said = sales.replay("0123456789abcdef", code=1)
    assert "1 reject not found" in said


def test_what_is_not_changed_stays(sales):
    sales.start()
    sales.run("rejects", "export", "p.yaml", "bad.csv")
    rows = read_csv(sales.folder / "bad.csv")
    for one in rows:
        if one["reject_stage"] == "judged":
            one["amount"] = "500.25"
    write_csv(sales.folder / "bad.csv", rows)
    said = sales.replay("bad.csv")
    assert "1 reject replayed" in said and "4 rejects left alone: nothing was changed" in said
    assert sales.open() == {"sales": 2, "halved": 1, "table": 1}


def test_what_cannot_enter_stays_and_is_told(sales):
    sales.start()
    sales.run("rejects", "export", "p.yaml", "bad.csv")
    rows = read_csv(sales.folder / "bad.csv")
    for one in rows:
        if one["reject_stage"] == "judged":
            one["amount"] = "many"
        if one["reject_raw"] == BAD["ragged"]:
            one["reject_raw"] = "8,a,1.00,1,2026-01-01\n9,b,1.00,1,2026-01-01"
    write_csv(sales.folder / "bad.csv", rows)
    before = sales.open()
    said = sales.replay("bad.csv", code=1)
    assert "in/a.csv line 14" in said and "amount" in said and "'many'" in said
    assert "holds 2 rows in place of one" in said
    assert sales.open() == before
    sales.expect(good(), [SINK])
    rows[0]["reject_id"] = rows[1]["reject_id"]
    write_csv(sales.folder / "bad.csv", rows)
    assert "stands there twice" in sales.replay("bad.csv", code=1)
    sales.expect(good(), [SINK])


def test_refused_again_is_a_reject_again(sales):
    sales.start()
    first = {reject["id"] for reject in sales.rejects()}
    for _ in range(3):
        assert "5 rejects replayed" in sales.replay()
        assert sales.open() == {"sales": 2, "judged": 1, "halved": 1, "table": 1}
        now = sales.rejects()
        assert {reject["replays"] for reject in now} == first
        first = {reject["id"] for reject in now}
        assert sorted(reject["line"] for reject in now) == [12, 13, 14, 15, 16]
        sales.expect(good(), [SINK])
        sales.balances(read=25)
    assert len(sales.rejects("--all")) == 20


def test_the_budget_of_a_replay(sales):
    sales.start()
    ids = {reject["id"] for reject in sales.rejects()}
    said = sales.replay("--max-rejects", "4", code=1)
    assert "nothing was published" in said
    assert {reject["id"] for reject in sales.rejects() if "refused" not in reject} >= ids
    sales.expect(good(), [SINK])


def test_a_whole_file_is_mended_as_a_file(sales):
    sales.pipeline(files="watch: true, after: delete, rejects: { whole_file: refused }")
    sales.drop(GOOD[:3] + [BAD["cast"]])
    sales.run("run", "p.yaml", "--once")
    said = sales.replay("--sql", "SELECT * REPLACE (replace(amount, ',', '.') AS amount) FROM rejects", code=1)
    assert "refused as a whole" in said and "drop it again" in said and "4 rows" in said
    assert sales.table() == collections.Counter([])


def test_totals_are_not_made_of_single_rows(sales):
    sales.pipeline(files="")
    text = (sales.folder / "p.yaml").read_text()
    text = text.replace(
        "sinks:\n", '  totals: { sql: "SELECT word, sum(amount) AS amount FROM halved GROUP BY word" }\nsinks:\n  sums: { from: totals, files: sums.parquet }\n'
    )
    (sales.folder / "p.yaml").write_text(text)
    sales.drop(GOOD + [BAD["check"]])
    sales.run("run", "p.yaml")
    said = sales.replay("--sql", "SELECT * REPLACE (1 AS amount) FROM rejects", code=78)
    assert "`totals` needs its whole input" in said
    assert sales.open() == {"judged": 1}


def test_guessed_types_and_a_file_that_is_gone(sales):
    """No contract, no file any more: the rejects themselves know how they were read."""
    (sales.folder / "p.yaml").write_text(
        'name: p\nmax_rejects: 9\nsources: { drops: { files: { path: in/*.csv } } }\n'
        "sinks: { lake: { files: out.jsonl } }\n"
    )
    (sales.folder / "in" / "b.txt").write_text("n|day|word\n1|31/12/2025|a\n2|01/02/2026|b|c\n3|02/02/2026|d\n" + "7|31/12/2025|x\n" * 20)
    (sales.folder / "in" / "b.txt").rename(sales.folder / "in" / "b.csv")
    sales.run("run", "p.yaml")
    (sales.folder / "in" / "b.csv").unlink()
    said = sales.replay("--sql", "SELECT * REPLACE (replace(reject_raw, '|c', '') AS reject_raw) FROM rejects")
    assert "1 reject replayed" in said
    assert json.loads((sales.folder / "out-2.jsonl").read_text()) == {"n": 2, "day": "2026-02-01", "word": "b"}


def test_rows_that_a_join_multiplied_are_told_apart(sales):
    (sales.folder / "pairs.csv").write_text("k,v\n1,10\n1,10\n1,x\n")
    (sales.folder / "in" / "a.csv").write_text("k\n1\n2\n")
    (sales.folder / "p.yaml").write_text(
        """
name: p
max_rejects: 9
sources: { drops: { files: { path: in/*.csv } } }
tables: { pairs: { files: pairs.csv } }
transforms:
  joined: { sql: "SELECT drops.k, v FROM drops JOIN pairs USING (k)" }
  judged: { check: { rules: { v: { pattern: "[a-z]" } } } }
sinks: { lake: { from: judged, files: out.jsonl } }
"""
    )
    sales.run("run", "p.yaml")
    assert len({reject["id"] for reject in sales.rejects()}) == 2 == len(sales.rejects())
    assert "2 rejects replayed" in sales.replay("--sql", "SELECT * REPLACE ('y' AS v) FROM rejects")
    assert (sales.folder / "out-2.jsonl").read_text() == '{"k":1,"v":"y"}\n' * 2


FILES = """
name: p
max_rejects: 9
sources: {{ drops: {{ files: {{ path: {path} }}, contract: {{ id: INT, amount: "DECIMAL(6,2)", tags: "BIGINT[]" }} }} }}
sinks: {{ lake: {{ files: out.jsonl }} }}
"""


def test_json(sales):
    (sales.folder / "p.yaml").write_text(FILES.format(path="in/*.json"))
    (sales.folder / "in" / "a.json").write_text(
        '[{"id": 1, "amount": 1.50, "tags": [1]},\n {"id": 2,\n "amount": "1,5", "tags": []}, {"id": "x", "tags": null}]'
    )
    sales.run("run", "p.yaml")
    (sales.folder / "in" / "a.json").unlink()
    sales.run("rejects", "export", "p.yaml", "bad.jsonl")
    lines = [json.loads(line) for line in (sales.folder / "bad.jsonl").read_text().splitlines()]
    assert [line["reject_line"] for line in lines] == [2, 3]
    lines[0]["reject_raw"] = lines[0]["reject_raw"].replace("1,5", "1.25").replace("[]", "[7, 8]")
    lines[1]["reject_raw"] = '{"id": 3}'
    (sales.folder / "bad.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "2 rejects replayed" in sales.replay("bad.jsonl")
    assert [json.loads(line) for line in (sales.folder / "out-2.jsonl").read_text().splitlines()] == [
        {"id": 2, "amount": 1.25, "tags": [7, 8]},
        {"id": 3, "amount": None, "tags": None},
    ]


def test_parquet(sales):
    import pyarrow as pa
    import pyarrow.parquet

    (sales.folder / "p.yaml").write_text(FILES.format(path="in/*.parquet"))
    table = pa.table({"id": [1, 2], "amount": ["1.50", "many"], "tags": [[1], [2, None]]})
    pyarrow.parquet.write_table(table, sales.folder / "in" / "a.parquet")
    sales.run("run", "p.yaml")
    (sales.folder / "in" / "a.parquet").unlink()
    said = sales.replay("--where", "amount = 'many'", code=1)
    assert "in/a.parquet row 2" in said and "left alone: amount: not a decimal(6,2): 'many'" in said
    said = sales.replay("--sql", "SELECT * REPLACE ('2.50' AS amount) FROM rejects")
    assert json.loads((sales.folder / "out-2.jsonl").read_text()) == {"id": 2, "amount": 2.50, "tags": [2, None]}, said


def test_a_running_pipeline_is_not_disturbed(sales):
    sales.start()
    running = subprocess.Popen(
        sales.command("run", "p.yaml", "--log", "log.txt"), cwd=sales.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        end = time.monotonic() + 60
        while "waiting" not in ((sales.folder / "log.txt").read_text() if (sales.folder / "log.txt").exists() else ""):
            assert time.monotonic() < end
            time.sleep(0.05)
        said = sales.replay(code=1)
        assert "under way" in said
    finally:
        running.send_signal(signal.SIGINT)
        running.wait(timeout=60)
    sales.pipeline(most="10000")
    sales.replay("--stage", "judged")
    assert sales.table() == collections.Counter(good() + [row(BAD["check"])])


def test_a_file_that_is_half_taken_goes_on_where_it_was(sales):
    """A replay is an epoch that does not read the file: it must not forget how far the one before had come."""
    sales.pipeline(files="watch: true, after: delete")
    text = (sales.folder / "p.yaml").read_text()
    (sales.folder / "p.yaml").write_text(text + "commit: { every: 0s, rows: 1000 }\nlanes: 1\n")
    rows = [BAD["check"]] + [f"{i},w,1.50,1,{AT}" for i in range(1000, 200_000)]
    sales.drop(rows)
    running = subprocess.Popen(
        sales.command("run", "p.yaml", "--once", "--block-bytes", "16KB", "--log", "log.txt"),
        cwd=sales.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 60
    while not list((sales.folder / "out").glob("*.parquet")):
        assert time.monotonic() < end
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    running.wait(timeout=60)
    assert 0 < sum(sales.table().values()) < 199_000, "it was stopped in the middle"
    assert "1 reject replayed" in sales.replay("--sql", "SELECT * REPLACE (500.25 AS amount) FROM rejects")
    sales.run("run", "p.yaml", "--once", "--log", "log.txt")
    ids = [r[0] for r in sales.table().elements()]
    assert len(ids) == len(set(ids)) == 199_001
    assert sales.lake() == sales.table()
    sales.balances(read=199_001)


def test_old_logs_go_and_the_log_says_so(sales):
    sales.start()
    text = (sales.folder / "p.yaml").read_text()
    (sales.folder / "p.yaml").write_text(text + "rejects: { max_age: 1s }\n")
    time.sleep(1.1)
    sales.drop([BAD["check"]] + GOOD, "b.csv")
    said = sales.run("run", "p.yaml", "--once")
    assert "removed epoch-000001.jsonl: 5 rejects past the limit of rejects: max_age, 5 of them never replayed" in said
    assert sales.open() == {"judged": 1}
    assert "6 rows rejected since epoch 1, 0 replayed, 6 left, 5 of these past" in sales.run("rejects", "list", "p.yaml")
