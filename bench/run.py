"""Races trommel and its peers on the same files: CSV to Parquet, zstd 3.   usage: make bench, or bench/run.py [options]

Each round runs every tool once, in an order that turns by one a round, so that a slow minute of the machine falls on all of
them; N rounds. Wall, CPU (user + system) and peak memory are the kernel's figures for the tool's own process. Every output of the
last round is compared with DuckDB's by value. Nothing here passes or fails by a time; a wrong value fails.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

import peers  # imports none of the libraries by itself: a child inherits its parent's peak memory

from cache import cache_folder

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
US = "trommel"
REFERENCE = "DuckDB unordered"


def generated(gigabytes):
    """The generated file of a size, made once."""
    folder = cache_folder() / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"mixed-{gigabytes:g}GB-seed1.csv"
    if not path.exists():
        print(f"writing {path.name}", file=sys.stderr)
        subprocess.run([ROOT / "scripts/build", "release", "bench_generate"], check=True, stdout=subprocess.DEVNULL)
        partial = path.with_suffix(".partial")
        subprocess.run([ROOT / "build/release/bench/bench_generate", partial, str(int(gigabytes * 1e9)), "1"], check=True,
                       stdout=subprocess.DEVNULL)
        partial.rename(path)
    return path


def flights():
    path = cache_folder() / "bench" / "flights.csv"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        import zipfile
        entry = subprocess.run([ROOT / "scripts/fetch", "flights"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        partial = path.with_suffix(".partial")
        with zipfile.ZipFile(pathlib.Path(entry) / "flights.csv.zip") as archive:
            partial.write_bytes(archive.read("flights.csv"))
        partial.rename(path)
    return path


def commands(trommel, source, out, null_text, only):
    """Tool -> (command, output file)."""
    all_of_them = {US: [str(trommel), "convert", str(source)]}
    for name in peers.TOOLS:
        all_of_them[name] = [sys.executable, str(HERE / "peers.py"), name, str(source)]
    chosen = {}
    for name, command in all_of_them.items():
        if only and name not in only:
            continue
        target = out / (name.lower().replace(",", "").replace(" ", "_") + ".parquet")
        chosen[name] = (command + [str(target)] + ([null_text] if name != US else []), target)
    return chosen


def measure(command, target, log):
    target.unlink(missing_ok=True)
    os.sync()  # what the one before left to write is not for this one to wait for
    began = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0 or not target.exists():
        raise RuntimeError(f"exit {process.returncode}: {' '.join(command)} (see {log.name})")
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "rss_mb": usage.ru_maxrss / 1024, "out_mb": target.stat().st_size / 1e6}


def race(tools, rounds, log):
    runs, failed = {name: [] for name in tools}, {}
    for number in range(rounds):
        names = list(tools)
        for name in names[number % len(names):] + names[:number % len(names)]:
            if name in failed:
                continue
            try:
                runs[name].append(measure(*tools[name], log))
                figures = runs[name][-1]
                print(f"  round {number + 1}: {name}: {figures['wall']:.2f} s, {figures['cpu']:.2f} CPU s, {figures['rss_mb']:.0f} MB", file=sys.stderr)
            except RuntimeError as error:
                failed[name] = str(error)
                print(f"  {name}: {error}", file=sys.stderr)
    return runs, failed


def compare(tools, failed):
    """Tool -> list of differences from the reference; an empty text and NULL are told apart in a remark, not called different."""
    def look(path):
        done = subprocess.run([sys.executable, str(HERE / "check.py"), str(path), str(tools[REFERENCE][1])], check=True,
                              stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout)

    want = look(tools[REFERENCE][1])
    out = {}
    for name, (_, path) in tools.items():
        if name in failed:
            continue
        got = look(path)
        wrong, remarks = [], []
        if got["codecs"] != ["ZSTD"]:
            wrong.append(f"codec {got['codecs']}")
        if not got["columns"]:
            wrong.append("other column names")
        if got["rows"] != want["rows"]:
            wrong.append(f"{got['rows']} rows, not {want['rows']}")
        for column, there in want["values"].items():
            here = got["values"].get(column)
            if here is None:
                continue
            if here["lost"] or here["hash"] != there["hash"] or here["nulls"] + here["empty"] != there["nulls"] + there["empty"]:
                wrong.append(f"{column}: other values")
            elif here["nulls"] != there["nulls"]:
                remarks.append(f"{column}: {here['empty']} empty texts where DuckDB has NULL")
            if got["types"][column] != want["types"][column]:
                remarks.append(f"{column} is {got['types'][column]}, not {want['types'][column]}")
        out[name] = {"wrong": wrong, "remarks": remarks, "row_groups": got["row_groups"]}
    return out


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def table(runs, failed, checks):
    against = [min(run["wall"] for run in runs_of_round) for runs_of_round in zip(*[runs[name] for name in runs if name.startswith("DuckDB") and name not in failed])]
    lines = ["| tool | wall s | CPU s | peak MB | output MB | row groups | wall / DuckDB | same values |", "|---|---|---|---|---|---|---|---|"]
    for name, own in sorted(runs.items(), key=lambda item: median(item[1], "wall") if item[1] and item[0] not in failed else 1e9):
        if name in failed:
            lines.append(f"| {name} | did not finish | | | | | | |")
            continue
        ratio = statistics.median(run["wall"] / there for run, there in zip(own, against))
        verdict = "yes" if not checks[name]["wrong"] else "NO: " + "; ".join(checks[name]["wrong"])
        shown = f"**{name}**" if name == US else name
        lines.append(f"| {shown} | {median(own, 'wall'):.2f} | {median(own, 'cpu'):.2f} | {median(own, 'rss_mb'):.0f} | "
                     f"{median(own, 'out_mb'):.1f} | {checks[name]['row_groups']} | {ratio:.2f} | {verdict} |")
    remarks = [f"* {name}: {remark}" for name, check in checks.items() for remark in check["remarks"]]
    return "\n".join(lines + ([""] + remarks if remarks else []))


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    memory = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal")) / 2**20
    return f"{len(os.sched_getaffinity(0))} cores of {model}, {memory:.0f} GiB, load {os.getloadavg()[0]:.1f} at the start"


def versions(trommel):
    from importlib.metadata import version
    own = subprocess.run([trommel, "version"], stdout=subprocess.PIPE, text=True).stdout.split("\n")[0]
    return ", ".join([own] + [f"{name} {version(name)}" for name in ("duckdb", "polars", "pandas", "pyarrow")])


def main():
    parser = argparse.ArgumentParser(description="Races trommel and its peers, CSV to Parquet.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--gigabytes", type=float, default=1.0, help="size of the generated file")
    parser.add_argument("--only", action="append", help="a tool, as named in the table (may be given several times)")
    parser.add_argument("--files", choices=["generated", "flights", "both"], default="both")
    parser.add_argument("--trommel", default=str(ROOT / "build/release/trommel"))
    parser.add_argument("--results", default=str(HERE / "results"))
    options = parser.parse_args()
    if options.only and REFERENCE not in options.only:
        options.only.append(REFERENCE)

    jobs = []
    if options.files in ("generated", "both"):
        jobs.append((f"{options.gigabytes:g} GB generated", generated(options.gigabytes), ""))
    if options.files in ("flights", "both"):
        jobs.append(("flights", flights(), "NA"))

    results = pathlib.Path(options.results)
    results.mkdir(parents=True, exist_ok=True)
    out = cache_folder() / "bench" / "out"
    out.mkdir(parents=True, exist_ok=True)
    where = machine()
    report = [f"# CSV to Parquet, zstd 3: medians of {options.rounds} alternating rounds", "",
              f"{where}. {versions(options.trommel)}.",
              "`wall / DuckDB` is the median, over the rounds, of this tool's wall time by that of the faster DuckDB in the same round."]
    kept, wrong = {"machine": where, "versions": versions(options.trommel), "jobs": {}}, []
    with open(out / "log.txt", "w") as log:
        for title, source, null_text in jobs:
            print(f"{title}: {source.name}", file=sys.stderr)
            subprocess.run(["cat", str(source)], stdout=subprocess.DEVNULL, check=True)  # into the page cache, for all
            tools = commands(options.trommel, source, out, null_text, options.only)
            runs, failed = race(tools, options.rounds, log)
            checks = compare(tools, failed)
            wrong += [f"{title}: {name}: {'; '.join(check['wrong'])}" for name, check in checks.items() if check["wrong"]]
            wrong += [f"{title}: {name}: {why}" for name, why in failed.items()]
            report += ["", f"## {title} ({source.stat().st_size / 1e6:.0f} MB, {rows_of(tools)} rows)", "", table(runs, failed, checks)]
            kept["jobs"][title] = {"runs": runs, "failed": failed, "checks": checks}
    for _, path in tools.values():
        path.unlink(missing_ok=True)

    stem = results / f"csv_to_parquet-{datetime.date.today():%Y-%m-%d}"
    text = "\n".join(report) + "\n"
    stem.with_suffix(".md").write_text(text)
    stem.with_suffix(".json").write_text(json.dumps(kept, indent=1) + "\n")
    print(text)
    if wrong:
        sys.exit("\n".join(["Not equal:"] + wrong))


def rows_of(tools):
    import_rows = "import pyarrow.parquet, sys; print(pyarrow.parquet.ParquetFile(sys.argv[1]).metadata.num_rows)"
    done = subprocess.run([sys.executable, "-c", import_rows, str(tools[REFERENCE][1])], check=True, stdout=subprocess.PIPE, text=True)
    return f"{int(done.stdout):,}"


if __name__ == "__main__":
    main()
