"""`publish: as_you_go`: a run that has an end, epoch by epoch. (Killed at every call: test_stepper.)"""
import json
import signal
import subprocess

import duckdb
from trip import TROMMEL

ROWS = 600_000
EXPECTED = f"SELECT i AS id, md5(i::VARCHAR) AS text FROM range({ROWS}) r(i)"
PIPELINE = """name: job
publish: as_you_go
commit: { rows: 50_000 }
sources:
  big: { files: { path: in/*.csv }, contract: { id: BIGINT NOT NULL, text: VARCHAR } }
sinks:
  table: { from: big, store: "duckdb:t.duckdb", table: t }
"""


def start(folder, *more):
    return subprocess.Popen([TROMMEL, "run", "p.yaml", "--report", "report.json", *more], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)


def refused(folder, old, new):
    (folder / "p.yaml").write_text(PIPELINE.replace(old, new))
    process = start(folder)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 78, said
    return said


def prepare(folder):
    (folder / "p.yaml").write_text(PIPELINE)
    (folder / "in").mkdir()
    duckdb.execute(f"COPY ({EXPECTED}) TO '{folder}/in/big.csv' (HEADER)")


def test_asked_to_end_it_keeps_what_is_published_and_goes_on(tmp_path):
    prepare(tmp_path)
    process = start(tmp_path)
    for line in process.stdout:
        if "wrote duckdb" in line:
            break
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1 and "what they read is published, the next run goes on" in said, said
    first = json.loads((tmp_path / "report.json").read_text())
    process = start(tmp_path)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    second = json.loads((tmp_path / "report.json").read_text())
    read = [sum(node["counts"]["read"] for node in report["nodes"]) for report in (first, second)]
    assert sum(read) == ROWS and 0 < read[0] < ROWS, read
    with duckdb.connect(str(tmp_path / "t.duckdb"), read_only=True) as connection:
        assert connection.execute(f"SELECT count(*) FROM (FROM t EXCEPT ALL {EXPECTED})").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (ROWS,)


def test_what_needs_all_rows_cannot_be_had(tmp_path):
    prepare(tmp_path)
    said = refused(tmp_path, "sinks:", "transforms:\n  most: { sql: \"SELECT max(id) AS id FROM big\" }\nsinks:\n  other: { from: most, files: { path: out/ } }")
    assert "`most` needs its whole input, and that is published as it comes (leave out `publish: as_you_go`" in said
    said = refused(tmp_path, "table: t }", "table: t, write: replace }")
    assert "`table` replaces what is there: each epoch would replace the one before" in said
    said = refused(tmp_path, "sinks:", "sinks:\n  lake: { files: { path: out/all.parquet, if_exists: replace } }")
    assert "`lake` replaces what is there" in said


def test_a_value_that_does_not_fit_its_guessed_type_is_a_reject(tmp_path):
    prepare(tmp_path)
    with open(tmp_path / "in/big.csv", "a") as file:
        file.write("no number,x\n")
    (tmp_path / "p.yaml").write_text(PIPELINE.replace(", contract: { id: BIGINT NOT NULL, text: VARCHAR }", "").replace("sources:", "max_rejects: 1\nsources:"))
    process = start(tmp_path)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and "600,001 rows read, 600,000 written, 1 rejected" in said, said
