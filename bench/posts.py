"""Small POSTs that are durable when they are answered: trommel's `http_upload` (group commit) beside FastAPI with an fsync for each.

A request is a CSV of a few game rounds. trommel decodes it, checks it against its contract, and answers once its rows are synced with the epoch; FastAPI appends
its bytes to a file and syncs it, and decodes nothing. bench_http_load sends as fast as its connections carry; CPU is that of the server's process.

usage: bench/posts.py [--seconds 5] [--keep]
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from processes import Process, bench_binary, free_port, keep, load, ROOT

PIPELINE = """
name: posts
sources:
  upload:
    http_upload: /csv_upload
    contract: {avsc}
sinks:
  {sink}
server: {{ listen: "127.0.0.1:{port}" }}
"""
SINKS = {
    "trommel, into a topic (embedded)": "topic: { from: upload, kafka: { topic: rounds, value: avro }, contract: %s }",
    "trommel, into a table (DuckDB)": "table: { from: upload, store: 'duckdb:rounds.duckdb', table: rounds }",
}
APP = '''
import os
from fastapi import FastAPI, Request

app = FastAPI()
out = open("received.csv", "ab", buffering=0)

@app.post("/csv_upload")
async def upload(request: Request):
    out.write(await request.body())
    os.fsync(out.fileno())
    return {"outcome": "published"}
'''
HEADER = "created_timestamp,game_instance_id,user_id,game_id,real_amount_bet,bonus_amount_bet,real_amount_win,bonus_amount_win,game_name,provider\n"
ROW = "2026-01-01 13:45:07,1000001,user_007,3,12.25,,4.5,,Lucky Lanes,Dune Works\n"


def start_trommel(folder, options, sink):
    port, avsc = free_port(), ROOT / "examples/game_rounds/game_round.avsc"
    text = SINKS[sink]
    (folder / "p.yaml").write_text(PIPELINE.format(avsc=avsc, port=port, sink=text % avsc if "%s" in text else text))
    server = Process([options.trommel, "run", "p.yaml"], folder, "trommel")
    server.until_answers(f"http://127.0.0.1:{port}/ready")
    return server, port


def start_fastapi(folder, _options, _sink):
    port = free_port()
    (folder / "app.py").write_text(APP)
    server = Process([sys.executable, "-m", "uvicorn", "app:app", "--port", port, "--log-level", "warning"], folder, "fastapi")
    server.until_answers(f"http://127.0.0.1:{port}/openapi.json")
    return server, port


WAYS = {**dict.fromkeys(SINKS, start_trommel), "FastAPI, fsync for each": start_fastapi}


def post(loader, folder, port, connections, count):
    done = subprocess.run([loader, str(port), folder / "paths", "--connections", str(connections), "--count", str(count), "--body", folder / "body.csv"],
                          capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def run(way, connections, options, loader):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="posts-", dir=options.folder))
    try:
        (folder / "paths").write_text("/csv_upload\n")
        (folder / "body.csv").write_text(HEADER + ROW * options.rows)
        server, port = WAYS[way](folder, options, way)
        try:
            first = post(loader, folder, port, connections, 4 * connections)  # warms up, and says how many make the time
            count = max(2 * connections, int(first["per_second"] * options.seconds))
            before = server.cpu()
            figures = post(loader, folder, port, connections, count)
            figures["cpu_us"] = 1e6 * (server.cpu() - before) / figures["requests"]
            figures["peak_mb"] = server.peak_mb()
        finally:
            server.end()
    finally:
        shutil.rmtree(folder)
    if list(figures["statuses"]) != ["200"]:
        raise RuntimeError(f"{way}: {figures['statuses']}")
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5, help="of each run, about")
    parser.add_argument("--rows", type=int, default=3, help="of a request")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 64, 512])
    parser.add_argument("--trommel", default=str(ROOT / "build/release/trommel"))
    parser.add_argument("--folder", default=None, help="where files are synced: on a disk, not in memory")
    parser.add_argument("--keep", action="store_true", help="write bench/results")
    options = parser.parse_args()
    loader = bench_binary("bench_http_load")
    results = {}
    for connections in options.connections:
        for way in WAYS:
            results.setdefault(way, {})[connections] = run(way, connections, options, loader)
            print(way, connections, results[way][connections], file=sys.stderr)
    bytes_each = len(HEADER) + len(ROW) * options.rows
    lines = [f"POSTs of {options.rows} rows, {bytes_each} bytes, each synced when it is answered; {os.cpu_count()} cores, which bench_http_load shares, load {load():.1f} at the end", "",
             "| | connections | requests/s | CPU us a request | p50 ms | p99 ms |", "|---|---|---|---|---|---|"]
    for way in WAYS:
        for connections, figures in results[way].items():
            lines.append(f"| {way} | {connections} | {figures['per_second']:,.0f} | {figures['cpu_us']:,.0f} | {figures['p50_ms']:.1f} | {figures['p99_ms']:.1f} |")
    text = "\n".join(lines) + "\n"
    print(text)
    if options.keep:
        keep("posts", text, {"results": results})


if __name__ == "__main__":
    main()
