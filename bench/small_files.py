"""Races trommel and Python's ways on a folder of small files.   usage: make bench-small, or bench/small_files.py [options]

999 files of 56 KB go through examples/students: a Parquet file each and one table. Each round runs every way once, the order turning
by one. Each way runs twice a round, once as it is and once with the syncing calls of its process made to do nothing: the difference is
what durability costs it. Python's ways sync their table, not their Parquet files; trommel syncs all. The last round's tables are compared by value.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import time

from cache import data_folder

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
US = "trommel"
WAYS = [US, "pandas", "polars_each", "polars_scan"]
NAMES = {US: "trommel", "pandas": "pandas, file by file", "polars_each": "Polars, file by file, one insert",
         "polars_scan": "Polars, one scan, one Parquet file"}
NO_SYNC = """#define _GNU_SOURCE
int fsync(int fd) { (void)fd; return 0; }
int fdatasync(int fd) { (void)fd; return 0; }
int syncfs(int fd) { (void)fd; return 0; }
int sync_file_range(int fd, long from, long bytes, unsigned how) { (void)fd; (void)from; (void)bytes; (void)how; return 0; }
void sync(void) {}
"""


def dropped(files, distinct):
    """The files, made once."""
    folder = data_folder() / f"students-{files}-{distinct}"
    if not folder.exists():
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        subprocess.run([ROOT / "examples/students/generate", partial, "--files", str(files), "--distinct", str(distinct)], check=True)
        partial.rename(folder)
    return folder


def no_sync_library():
    folder = data_folder()
    (folder / "no_sync.c").write_text(NO_SYNC)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", folder / "no_sync.so", folder / "no_sync.c"], check=True)
    return folder / "no_sync.so"


def prepare(source, folder):
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "output_parquet").mkdir(parents=True)
    shutil.copytree(source, folder / "input_csv")
    for name in ["pipeline.yaml", "schema.yaml", "schema_sql.yaml", "db_creds.yaml"]:
        shutil.copy(ROOT / "examples/students" / name, folder)
    os.sync()


def run(way, folder, trommel, preload):
    command = [trommel, "run", "pipeline.yaml", "--once"] if way == US else [sys.executable, HERE / "small_file_peers.py", way, folder]
    environment = {**os.environ, **({"LD_PRELOAD": str(preload)} if preload else {})}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    at = time.monotonic()
    done = subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wall = time.monotonic() - at
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{way} failed:\n{done.stdout[-3000:]}")
    return {"wall": wall, "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def facts(way, folder, files):
    """Rows and an order-free hash of the table, and of the Parquet files together."""
    import duckdb
    left = list((folder / "input_csv").rglob("*.csv"))
    made = len(list((folder / "output_parquet").glob("*.parquet")))
    if left or made != (1 if way == "polars_scan" else files):
        sys.exit(f"{way}: {len(left)} files left, {made} Parquet files")
    with duckdb.connect(str(folder / "students.duckdb"), read_only=True) as connection:
        columns = [row[0] for row in connection.execute("DESCRIBE student_data").fetchall()]
        # pandas has 15.0 where a column held an empty cell before.
        values = ", ".join(f"coalesce(try_cast({name} AS DOUBLE)::VARCHAR, {name}::VARCHAR)" for name in columns)
        what = f"count(*), sum(hash({values}))::VARCHAR"
        table = connection.execute(f"SELECT {what} FROM student_data").fetchone()
        lake = connection.execute(f"SELECT {what} FROM read_parquet('{folder}/output_parquet/*.parquet')").fetchone()
    if table != lake:
        sys.exit(f"{way}: the table and the Parquet files differ: {table} and {lake}")
    return table


def table_text(results, files):
    lines = ["| | ms a file | times trommel's | CPU ms a file | not syncing, ms a file | share of syncing |", "|---|---|---|---|---|---|"]
    middle = {way: {kind: statistics.median(r["wall"] for r in results[way][kind]) * 1000 / files for kind in results[way]} for way in WAYS}
    for way in WAYS:
        synced, free = middle[way]["synced"], middle[way]["not_synced"]
        cpu = statistics.median(r["cpu"] for r in results[way]["synced"]) * 1000 / files
        lines.append(f"| {NAMES[way]} | {synced:.2f} | {synced / middle[US]['synced']:.1f} | {cpu:.2f} | {free:.2f} | {max(0.0, 1 - free / synced):.0%} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=999)
    parser.add_argument("--distinct", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trommel", default=str(ROOT / "build/release/trommel"))
    parser.add_argument("--keep", action="store_true", help="write bench/results")
    options = parser.parse_args()
    source, preload = dropped(options.files, options.distinct), no_sync_library()
    results = {way: {"synced": [], "not_synced": []} for way in WAYS}
    found = {}
    for number in range(options.rounds):
        turned = WAYS[number % len(WAYS):] + WAYS[:number % len(WAYS)]
        for way in turned:
            for kind, library in (("not_synced", preload), ("synced", None)):
                folder = data_folder() / "students-run"
                prepare(source, folder)
                results[way][kind].append(run(way, folder, options.trommel, library))
                print(f"round {number + 1}: {NAMES[way]}, {kind}: {results[way][kind][-1]['wall'] * 1000 / options.files:.2f} ms a file", file=sys.stderr)
            found[way] = facts(way, folder, options.files)
    shutil.rmtree(folder)
    if len(set(found.values())) != 1:
        sys.exit(f"values differ: {found}")
    rows = found[US][0]
    text = (f"{options.files} files of 56 KB, {rows:,} rows in the table, the same values for all; medians of {options.rounds} rounds, "
            f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end\n\n" + table_text(results, options.files) + "\n")
    print(text)
    if options.keep:
        day = datetime.date.today().isoformat()
        (HERE / "results" / f"small_files-{day}.md").write_text(text)
        (HERE / "results" / f"small_files-{day}.json").write_text(json.dumps({"machine": platform.processor() or platform.machine(), "results": results}, indent=1))


if __name__ == "__main__":
    main()
