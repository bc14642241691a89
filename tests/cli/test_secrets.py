"""A password that a store is given is in nothing that a run prints or leaves behind."""
import subprocess

import pytest

from conftest import BINARY

SECRET = "hunter2-p@ss:w/rd"
CREDENTIALS = f"""database:
  type: %s
  host: db.example
  port: 3306
  user: root
  password: "{SECRET}"
  database: students.duckdb
"""
PIPELINE = """name: p
sources: { drops: { files: { path: in.csv } } }
sinks:
  table: { store: warehouse, table: t }
  lake: { files: { path: out.parquet } }
stores:
  warehouse: %s
"""
VERBS = [["lint", "p.yaml"], ["lint", "p.yaml", "--json"], ["plan", "p.yaml"], ["plan", "p.yaml", "--json"], ["run", "p.yaml"],
         ["run", "p.yaml", "--json", "--report", "report.json", "--log-format", "json"], ["rejects", "list", "p.yaml"],
         ["query", "p.yaml", "select * from t"], ["query", "p.yaml", "select * from nowhere"]]
STORES = {"credentials": "{ credentials: db_creds.yaml }",
          "map": f"{{ type: duckdb, path: students.duckdb, user: root, password: '{SECRET}' }}",
          "variable": "{ type: duckdb, path: students.duckdb, user: root, password: \"${WAREHOUSE_PASSWORD}\" }",
          "unknown type": f"{{ type: msql, host: h, password: '{SECRET}', database: d }}",
          "mistyped": f"{{ type: duckdb, path: students.duckdb, pasword: '{SECRET}' }}"}


@pytest.mark.parametrize("how", STORES)
def test_passwords_are_nowhere(tmp_path, how, monkeypatch):
    monkeypatch.setenv("WAREHOUSE_PASSWORD", SECRET)
    (tmp_path / "in.csv").write_text("a,b\n1,x\n2,y\n")
    (tmp_path / "p.yaml").write_text(PIPELINE % STORES[how])
    (tmp_path / "db_creds.yaml").write_text(CREDENTIALS % "duckdb")
    said = ""
    for verb in VERBS:
        done = subprocess.run([BINARY, *verb], cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        said += done.stdout + done.stderr
    assert {"unknown type": "unknown type `msql`", "mistyped": "unknown key `pasword`"}.get(how, "students.duckdb") in said
    assert SECRET not in said and "hunter2" not in said
    left = [path for path in tmp_path.rglob("*") if path.is_file() and path.name not in ("p.yaml", "db_creds.yaml")]
    assert how in ("unknown type", "mistyped") or any(".trommel" in str(path) for path in left)
    assert not [path for path in left if b"hunter2" in path.read_bytes()]


def test_plan_says_what_a_file_leaves_aside(trommel, tmp_path):
    (tmp_path / "in.csv").write_text("a,b\n1,x\n")
    (tmp_path / "p.yaml").write_text(PIPELINE % STORES["credentials"])
    (tmp_path / "db_creds.yaml").write_text(CREDENTIALS % "duckdb")
    assert "store `warehouse` is a file: host, port, user, password left aside" in trommel("plan", "p.yaml").out
