"""Runs a pipeline in a copy of its folder, and writes down all that came of it as one text: exit code, balance, rejects, outputs as other programs read them."""
import json
import os
import shutil
import subprocess
from pathlib import Path

import duckdb
import fastavro
import pyarrow.parquet as pq

TROMMEL = os.environ["TROMMEL"]
IGNORED = {"expected.txt", "flags", "input", "tables", ".trommel", "report.json"}


def run(folder: Path, *flags: str) -> subprocess.CompletedProcess:
    own = (folder / "flags").read_text().split() if (folder / "flags").exists() else []
    command = [TROMMEL, "run", "pipeline.yaml", "--report", "report.json", "--quiet", *own, *flags]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)


def balance_text(report: dict) -> str:
    lines = [f"outcome {report['outcome']}"]
    for sink in report["sinks"]:
        figures = " ".join(f"{key}={value}" for key, value in sink.items() if key not in ("sink", "balanced") and value)
        lines.append(f"{sink['sink']}: {figures}" + ("" if sink["balanced"] else "  DOES NOT BALANCE"))
    for node in report["nodes"]:
        codes = node["counts"]["reject_codes"]
        if codes:
            lines.append(f"{node['name']} rejects: " + " ".join(f"{code}={rows}" for code, rows in sorted(codes.items())))
    return "\n".join(lines)


def rejects_text(folder: Path) -> str:
    lines = []
    for log in sorted(folder.glob(".trommel/**/rejects/*.jsonl")):
        for line in log.read_text().splitlines():
            reject = json.loads(line)
            split = reject.get("split", "").split("/")[-1]
            raw = reject.get("raw", "base64:" + reject.get("raw_base64", ""))
            lines.append(f"{split}:{reject.get('line', '-')} {reject['stage']} {reject['code']} {reject.get('column', '-')} "
                         f"[{reject.get('value', '')}] {reject['reason']} | {raw}")
    return "\n".join(sorted(lines))


def cell(value) -> str:
    return "NULL" if value is None else str(value)


def rows_text(names: list[str], types: list[str], rows: list[tuple]) -> str:
    head = ", ".join(f"{name} {kind}" for name, kind in zip(names, types))
    return head + "\n" + "\n".join(sorted(" | ".join(cell(value) for value in row) for row in rows))


def parquet_text(path: Path) -> str:
    table = pq.ParquetFile(path).read()  # the file alone: no columns out of its path
    rows = list(zip(*(column.to_pylist() for column in table.columns))) if table.num_columns else []
    return rows_text(table.column_names, [str(field.type) + ("" if field.nullable else " not null") for field in table.schema], rows)


def avro_text(path: Path) -> str:
    with path.open("rb") as file:
        reader = fastavro.reader(file)
        fields = reader.writer_schema["fields"]
        rows = [tuple(record[field["name"]] for field in fields) for record in reader]
    return f"codec {reader.codec}\n" + rows_text([field["name"] for field in fields], [json.dumps(field["type"]) for field in fields], rows)


def database_text(path: Path) -> str:
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = [name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall() if not name.startswith("_trommel")]
        texts = []
        for table in tables:
            connection.execute("SET TimeZone = 'UTC'")
            result = connection.execute(f'SELECT * FROM "{table}"')
            names, types = [d[0] for d in result.description], [str(d[1]) for d in result.description]
            texts.append(f"table {table}\n" + rows_text(names, types, result.fetchall()))
        return "\n".join(texts)


def outputs_text(folder: Path) -> str:
    texts = []
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        if not path.is_file() or place.parts[0] in IGNORED or place.suffix in (".yaml", ".wal") or place.name == "README.md":
            continue
        if place.suffix == ".parquet":
            text = parquet_text(path)
        elif place.suffix == ".avro":
            text = avro_text(path)
        elif place.suffix == ".duckdb":
            text = database_text(path)
        else:
            text = path.read_text()
        texts.append(f"--- {place}\n{text.rstrip()}")
    return "\n".join(texts)


def observe(folder: Path, *flags: str) -> str:
    done = run(folder, *flags)
    assert done.returncode in (0, 1), f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    report = json.loads((folder / "report.json").read_text())
    parts = [f"exit {done.returncode}", balance_text(report), "--- rejects", rejects_text(folder), outputs_text(folder)]
    return "\n".join(part for part in parts if part) + "\n"


def copy_of(case: Path, into: Path) -> Path:
    folder = into / case.name
    shutil.copytree(case, folder, ignore=shutil.ignore_patterns("expected.txt", ".trommel"))
    return folder
