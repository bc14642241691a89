"""What safety costs.   usage: make bench-epochs, or bench/epochs.py [--gigabytes G] [--rounds N] [--keep]

Each round runs, alternating, a watched folder of CSV files into Parquet
  one epoch       all of it published at once
  many epochs     an epoch for each 200 MB read: about one a second
and the same rows towards a DuckDB table that somebody else holds, so that the run ends when all lies in the spool
  no rows         a condition lets none through: what reading alone takes
  spooled         all of them written to the spool, packed, summed and synced
Then runs of many epochs are killed in their middle, and the time is taken from the start of the next to the first file that it publishes.
"""
import argparse
import datetime
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import time

from cache import data_folder

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
NEVER = 10 ** 15

PIPELINE = """name: epochs
max_rejects: 0
retry: {{ for: 0s }}
commit: {{ every: 0s, rows: {never}, bytes: {bytes} }}
sources:
  files: {{ files: {{ path: "in/*.csv", watch: true }}, contract: rows.yaml }}
{transforms}sinks:
  {sink}
"""

CONTRACT = """id: BIGINT
customer: BIGINT
city: VARCHAR
amount: DOUBLE
longitude: DOUBLE
level: BIGINT
active: BOOLEAN
day: DATE
at: TIMESTAMP
note: VARCHAR
"""


def make_input(gigabytes):
    """Files of 50 MB, made once."""
    folder = data_folder() / f"epochs-{gigabytes:g}"
    if not folder.exists():
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        (partial / "in").mkdir(parents=True)
        for number in range(max(1, round(gigabytes * 20))):
            subprocess.run([ROOT / "build/release/bench/bench_generate", partial / "in" / f"{number:03}.csv", "50000000", str(number + 1)],
                           check=True, stdout=subprocess.DEVNULL)
        partial.rename(folder)
    return folder


def write_pipeline(folder, way):
    for left in ("out", ".trommel", "t.duckdb", "t.duckdb.wal"):
        path = folder / left
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    to_table = way in ("no rows", "spooled")
    transforms = "" if way != "no rows" else "transforms:\n  none: { sql: \"SELECT * FROM files WHERE id < -1\" }\n"
    sink = "table: { store: \"duckdb:t.duckdb\", table: t }" if to_table else "lake: { files: { path: out/all.parquet } }"
    (folder / "pipeline.yaml").write_text(PIPELINE.format(
        never=NEVER, bytes="200MB" if way == "many epochs" else NEVER, transforms=transforms, sink=sink))


def run(trommel, folder, way):
    """Seconds, CPU seconds and epochs."""
    import duckdb
    write_pipeline(folder, way)
    holder = None
    if way in ("no rows", "spooled"):
        holder = subprocess.Popen([sys.executable, "-c", "import duckdb, sys; c = duckdb.connect('t.duckdb'); print(1, flush=True); sys.stdin.read()"],
                                  cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    os.sync()
    before, at = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    process = subprocess.Popen([trommel, "run", "pipeline.yaml", "--once"], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
    text = process.communicate()[0]
    wall = time.monotonic() - at
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if holder:
        holder.communicate()
    if way == "spooled" and "the rows are kept" not in text or way not in ("spooled", "no rows") and process.returncode != 0:
        sys.exit(f"{way} failed ({process.returncode}):\n{text[-3000:]}")
    return {"wall": wall, "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
            "epochs": len(list((folder / "out").glob("*.parquet"))) if (folder / "out").exists() else 0}


def first_rows_after_a_crash(trommel, folder, times):
    """Seconds from the start of a run to its first file, the run before it killed at random."""
    draw, seconds = random.Random(7), []
    for _ in range(times):
        write_pipeline(folder, "many epochs")
        process = subprocess.Popen([trommel, "run", "pipeline.yaml", "--once"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.5 + draw.random() * 2)
        process.send_signal(signal.SIGKILL)
        process.wait()
        known = set((folder / "out").glob("*.parquet"))
        at = time.monotonic()
        process = subprocess.Popen([trommel, "run", "pipeline.yaml", "--once"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and set((folder / "out").glob("*.parquet")) == known:
            time.sleep(0.002)
        seconds.append(time.monotonic() - at)
        process.kill()
        process.wait()
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trommel", default=str(ROOT / "build/release/trommel"))
    parser.add_argument("--keep", action="store_true", help="write bench/results")
    options = parser.parse_args()
    folder = make_input(options.gigabytes)
    (folder / "rows.yaml").write_text(CONTRACT)
    ways = ["one epoch", "many epochs", "no rows", "spooled"]
    results = {way: [] for way in ways}
    for number in range(options.rounds):
        for way in ways[number % 4:] + ways[:number % 4]:
            results[way].append(run(options.trommel, folder, way))
            print(f"round {number + 1}: {way}: {results[way][-1]}", file=sys.stderr)
    crash = first_rows_after_a_crash(options.trommel, folder, 10)
    middle = {way: {kind: statistics.median(result[kind] for result in results[way]) for kind in ("wall", "cpu", "epochs")} for way in ways}
    lines = ["| | seconds | CPU seconds | epochs |", "|---|---|---|---|"]
    lines += [f"| {way} | {middle[way]['wall']:.2f} | {middle[way]['cpu']:.2f} | {middle[way]['epochs']:.0f} |" for way in ways]
    text = (f"{options.gigabytes:g} GB of CSV in files of 50 MB, medians of {options.rounds} rounds, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n\n"
            + "\n".join(lines) + "\n\n"
            + f"An epoch for each 200 MB: {middle['many epochs']['wall'] / middle['one epoch']['wall'] - 1:+.1%} time, "
            + f"{middle['many epochs']['cpu'] / middle['one epoch']['cpu'] - 1:+.1%} CPU.\n"
            + f"The spool: {middle['spooled']['wall'] - middle['no rows']['wall']:+.2f} s, {middle['spooled']['cpu'] - middle['no rows']['cpu']:+.2f} CPU s.\n"
            + f"From start to the first file after a kill: median {statistics.median(crash):.2f} s, longest {max(crash):.2f} s (of 10).\n")
    print(text)
    if options.keep:
        day = datetime.date.today().isoformat()
        (HERE / "results" / f"epochs-{day}.md").write_text(text)
        (HERE / "results" / f"epochs-{day}.json").write_text(json.dumps({"results": results, "first_file_after_a_kill": crash}, indent=1))


if __name__ == "__main__":
    main()
