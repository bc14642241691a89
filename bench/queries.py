"""The query API over a large table: latencies at a given number of requests a second.

Rounds of games are made by DuckDB (seeded), taken into the store by `trommel run --once` with the hourly view of examples/game_rounds beside them, and asked through `trommel
serve`. bench_http_load (C++, one thread) sends each endpoint's requests in an open loop: they are due at random moments (Poisson), R a second, whether or not earlier ones were
answered, and a latency begins when a request was due. Every request asks for something else, so that no answer is a repetition.

usage: bench/queries.py [--rows 10000000] [--seconds 30] [--rates 50 200] [--keep]
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

import duckdb

from processes import Process, bench_binary, free_port, keep, load, ROOT

sys.path.insert(0, str(ROOT / "tests/servers"))
from clickhouse import Clickhouse  # noqa: E402

DAYS, GAMES, PLAYERS = 28, 8, 2000
PIPELINE = """
name: queries
sources:
  files: {{ files: rounds.parquet }}
sinks:
  rounds: {{ store: warehouse, table: game_rounds, order_by: [user_id, created_timestamp] }}
stores:
  warehouse: "{store}"
views:
  hourly:
    by: [created_hour, game_id, user_id]
    sql: >
      SELECT date_trunc('hour', TRY_CAST(created_timestamp AS TIMESTAMP)) AS created_hour, game_id, user_id, sum(real_amount_bet) AS total_real_amount_bet,
      sum(bonus_amount_bet) AS total_bonus_amount_bet, sum(real_amount_win) AS total_real_amount_win, sum(bonus_amount_win) AS total_bonus_amount_win,
      max(game_name) AS game_name, max(provider) AS provider FROM game_rounds GROUP BY created_hour, game_id, user_id
endpoints:
  /hourly:
    sql: SELECT * FROM hourly
    filters: {{ player_id: user_id =, game_id: game_id =, start_date: created_hour >=, end_date: created_hour < }}
    order_by: created_hour
    key: [created_hour, game_id, user_id]
    page: {{ default: 10 }}
  /rounds:
    sql: SELECT created_timestamp, game_instance_id, user_id, game_id, real_amount_bet, real_amount_win FROM game_rounds
    filters: {{ player_id: user_id =, game_id: game_id =, from: created_timestamp >=, to: created_timestamp < }}
    order_by: created_timestamp
    key: [game_instance_id]
    page: {{ default: 10 }}
    totals: false
  /totals:
    sql: SELECT provider, count(*) AS rounds, sum(real_amount_bet) AS bets FROM game_rounds WHERE created_timestamp >= $since GROUP BY provider
    parameters: {{ since: {{ type: string }} }}
"""
QUESTIONS = {
    "a player's page of the view, with its total": lambda draw: f"/hourly?player_id=user_{draw.randrange(PLAYERS):04}&game_id={draw.randrange(1, GAMES + 1)}&page={draw.randrange(1, 4)}",
    "a day's page of the view, with its total": lambda draw: (lambda day: f"/hourly?start_date={day}&end_date={day}&page={draw.randrange(1, 50)}")(f"2026-01-{draw.randrange(1, DAYS + 1):02}"),
    "a player's first rounds of the table": lambda draw: f"/rounds?player_id=user_{draw.randrange(PLAYERS):04}&from=2026-01-{draw.randrange(1, DAYS + 1):02}",
    "a sum over some days of the table": lambda draw: f"/totals?since=2026-01-{draw.randrange(1, DAYS + 1):02}%20{draw.randrange(24):02}:{draw.randrange(60):02}",
}


def make_rounds(path, rows):
    duckdb.sql("SELECT setseed(0.5)")
    duckdb.execute("SET threads = 1; SET preserve_insertion_order = true")
    duckdb.execute(f"""
        COPY (SELECT strftime(TIMESTAMP '2026-01-01' + to_microseconds(i * {DAYS} * 86400000 // {rows} * 1000), '%Y-%m-%d %H:%M:%S') AS created_timestamp, i::INT AS game_instance_id,
                     format('user_{{:04}}', hash(i) % {PLAYERS}) AS user_id, (1 + hash(i, 1) % {GAMES})::INT AS game_id,
                     CASE WHEN hash(i, 2) % 10 < 8 THEN hash(i, 3) % 400 / 4.0 END AS real_amount_bet, CASE WHEN hash(i, 4) % 10 < 2 THEN hash(i, 5) % 400 / 4.0 END AS bonus_amount_bet,
                     CASE WHEN hash(i, 6) % 10 < 3 THEN hash(i, 7) % 400 / 4.0 END AS real_amount_win, CASE WHEN hash(i, 8) % 10 < 1 THEN hash(i, 9) % 400 / 4.0 END AS bonus_amount_win,
                     format('Game {{}}', 1 + hash(i, 1) % {GAMES}) AS game_name, format('Provider {{}}', hash(i, 1) % 4) AS provider
              FROM range({rows}) AS t(i)) TO '{path}' (FORMAT parquet)""")


def fetch(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
        return json.load(answer)


def check(port, rounds):
    """Answers are right before their times count."""
    truth = duckdb.sql(f"SELECT provider, count(*), sum(real_amount_bet) FROM '{rounds}' WHERE created_timestamp >= '2026-01-14' GROUP BY provider ORDER BY provider").fetchall()
    asked = [(row["provider"], row["rounds"], row["bets"]) for row in fetch(port, "/totals?since=2026-01-14")["data"]]
    if sorted(asked) != truth:
        raise RuntimeError(f"wrong: {asked}, not {truth}")
    groups = duckdb.sql(f"SELECT count(DISTINCT (created_timestamp[:13], game_id)) FROM '{rounds}' WHERE user_id = 'user_0007'").fetchone()[0]
    answered = fetch(port, "/hourly?player_id=user_0007")["total_results"]
    if answered != groups:
        raise RuntimeError(f"wrong: {answered} groups, not {groups}")


def measure(store, options, loader):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="queries-", dir=options.folder))
    port, results = free_port(), {}
    try:
        make_rounds(folder / "rounds.parquet", options.rows)
        (folder / "p.yaml").write_text(PIPELINE.format(store=store))
        began = time.monotonic()
        subprocess.run([options.trommel, "run", "p.yaml", "--once"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        taken = time.monotonic() - began
        server = Process([options.trommel, "serve", "p.yaml", "--listen", f"127.0.0.1:{port}"], folder, "serve")
        try:
            server.until_answers(f"http://127.0.0.1:{port}/openapi.json")
            check(port, folder / "rounds.parquet")
            for question, make in QUESTIONS.items():
                draw = random.Random(1)
                (folder / "paths").write_text("".join(make(draw) + "\n" for _ in range(20_000)))
                for rate in options.rates:
                    before = server.cpu()
                    done = subprocess.run([loader, str(port), folder / "paths", "--connections", "64", "--rate", str(rate), "--seconds", str(options.seconds)],
                                          capture_output=True, text=True)
                    if done.returncode:
                        raise RuntimeError(done.stderr)
                    figures = json.loads(done.stdout)
                    if set(figures["statuses"]) - {"200"}:  # none at all: it never came to answer
                        raise RuntimeError(f"{question}: {figures['statuses']}")
                    figures["cpu_ms"] = 1e3 * (server.cpu() - before) / max(1, figures["requests"])
                    figures["load"] = load()
                    results.setdefault(question, {})[rate] = figures
                    print(store, question, rate, figures, file=sys.stderr)
            peak = server.peak_mb()
        finally:
            server.end()
    finally:
        shutil.rmtree(folder)
    return {"taken_s": taken, "peak_mb": peak, "questions": results}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--rates", type=float, nargs="+", default=[50, 200])
    parser.add_argument("--trommel", default=str(ROOT / "build/release/trommel"))
    parser.add_argument("--stores", nargs="+", default=["duckdb", "clickhouse"])
    parser.add_argument("--folder", default=None)
    parser.add_argument("--keep", action="store_true", help="write bench/results")
    options = parser.parse_args()
    loader = bench_binary("bench_http_load")
    results = {}
    if "duckdb" in options.stores:
        results["DuckDB"] = measure("duckdb:rounds.duckdb", options, loader)
    if "clickhouse" in options.stores:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="queries-clickhouse-", dir=options.folder))
        server = Clickhouse(folder)
        server.start()
        try:
            results["ClickHouse"] = measure(server.address, options, loader)
        finally:
            server.stop()
            shutil.rmtree(folder, ignore_errors=True)
    lines = [f"{options.rows:,} rows of 10 columns and an hourly view over them, open loop of {options.seconds:g} s each; {os.cpu_count()} cores, which bench_http_load shares, load {load():.1f} at the end", "",
             "| | | requests/s asked | answered | p50 ms | p99 ms | trommel's CPU ms a request |", "|---|---|---|---|---|---|---|"]
    for store, found in results.items():
        for question, rates in found["questions"].items():
            for rate, figures in rates.items():
                lines.append(f"| {store} | {question} | {rate:g} | {figures['per_second']:.0f} | {figures['p50_ms']:.1f} | {figures['p99_ms']:.1f} | {figures['cpu_ms']:.1f} |")
    text = "\n".join(lines) + "\n"
    print(text)
    if options.keep:
        keep("queries", text, {"rows": options.rows, "results": results})


if __name__ == "__main__":
    main()
