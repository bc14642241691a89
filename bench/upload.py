"""A CSV upload, a message a row, a table to ask: trommel beside the same job written the usual way (upload_peers.py), on one real broker and one ClickHouse.

For each way: upload alone (CSV to topic), taking alone (topic to table), and both at once, from the first byte sent to the last row that is counted in the table. Wall is this process's
clock; CPU is user and system of the processes that are not servers: trommel's, FastAPI's and the consumer's. curl sends for both. librdkafka's own ceiling with
messages of the same size is measured beside them. Rows, sums and texts in the table are compared with those of the file; a wrong one fails, a time never does.

usage: bench/upload.py [--rows 2000000] [--rounds 1] [--keep]
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import duckdb

from cache import data_folder
from processes import Process, bench_binary, free_port, keep, load, HERE, ROOT

sys.path.insert(0, str(ROOT / "tests/servers"))
from clickhouse import Clickhouse  # noqa: E402
from kafka import Kafka  # noqa: E402

US, USUAL = "trommel", "the usual way"
UP, TAKE, WHOLE = "CSV to topic", "topic to table", "CSV to table"
AVSC = ROOT / "examples/game_rounds/game_round.avsc"
TABLE = "game_rounds"
MESSAGE_BYTES = 85  # of a round in Avro, with its key
HEAD = "name: race\nsources:\n"
UPLOAD_SOURCE = '  upload: {{ http_upload: {{ path: /csv_upload, field: csv_file }}, contract: {avsc} }}\n'
TAKE_SOURCE = '  bets: {{ kafka: {{ brokers: "{brokers}", topics: {topic}, value: avro }}, contract: {avsc} }}\n'
UPLOAD_SINK = '  staging: {{ from: upload, kafka: {{ brokers: "{brokers}", topic: {topic}, value: avro, key: user_id }}, contract: {avsc} }}\n'
TAKE_SINK = '  rounds: {{ from: bets, store: "{store}", table: ' + TABLE + ', order_by: [game_id, user_id] }}\n'
SERVER = 'server: {{ listen: "127.0.0.1:{port}" }}\n'
PIPELINES = {UP: HEAD + UPLOAD_SOURCE + "sinks:\n" + UPLOAD_SINK + SERVER, TAKE: HEAD + TAKE_SOURCE + "sinks:\n" + TAKE_SINK,
             WHOLE: HEAD + UPLOAD_SOURCE + TAKE_SOURCE + "sinks:\n" + UPLOAD_SINK + TAKE_SINK + SERVER}
DDL = f"""CREATE TABLE {TABLE} (created_timestamp String, game_instance_id Int32, user_id String, game_id Int32, real_amount_bet Nullable(Float64), bonus_amount_bet Nullable(Float64),
 real_amount_win Nullable(Float64), bonus_amount_win Nullable(Float64), game_name String, provider String) ENGINE = MergeTree ORDER BY (game_id, user_id)"""
FACTS = "count(*), sum(game_instance_id), sum(real_amount_bet), sum(bonus_amount_win), sum(length(user_id)), sum(length(created_timestamp)), min(game_name), max(provider)"


def rounds(rows):
    path = data_folder() / f"rounds-{rows}.csv"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        subprocess.run([ROOT / "examples/game_rounds/generate", partial, "--rows", str(rows), "--days", "28"], check=True)
        partial.rename(path)
    return path


class Race:
    def __init__(self, options, folder, kafka, clickhouse):
        self.options, self.folder, self.kafka, self.clickhouse = options, folder, kafka, clickhouse
        self.csv = rounds(options.rows)
        self.truth = [str(value) for value in duckdb.sql(f"SELECT {FACTS} FROM read_csv('{self.csv}', types = {{'created_timestamp': 'VARCHAR'}})").fetchone()]
        self.runs = 0

    def ask(self, sql, database=None):
        url = f"http://127.0.0.1:{self.clickhouse.port}/" + (f"?database={database}" if database else "")
        with urllib.request.urlopen(urllib.request.Request(url, data=sql.encode()), timeout=60) as answer:
            return answer.read().decode().strip()

    def topic(self):
        self.runs += 1
        name = f"rounds-{self.runs}"
        self.kafka.run_to_its_end("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", self.kafka.address, "--create", "--topic", name, "--partitions", "1")
        return name

    def database(self):
        self.runs += 1
        self.ask(f"CREATE DATABASE race_{self.runs}")
        return f"race_{self.runs}"

    def send(self, port):
        done = subprocess.run(["curl", "-sS", "--fail-with-body", "-F", f"csv_file=@{self.csv}", f"http://127.0.0.1:{port}/csv_upload"], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        answer = json.loads(done.stdout)
        if answer["read"] != self.options.rows or answer.get("failed") or answer.get("rejected"):
            raise RuntimeError(answer)

    def trommel(self, hop, topic, database):
        """A run of one of the pipelines, and its port."""
        self.runs += 1
        folder, port = self.folder / f"trommel-{self.runs}", free_port()
        folder.mkdir()
        store = f"clickhouse://127.0.0.1:{self.clickhouse.port}/{database}"
        (folder / "p.yaml").write_text(PIPELINES[hop].format(avsc=AVSC, brokers=self.kafka.address, topic=topic, store=store, port=port))
        return Process([self.options.trommel, "run", "p.yaml", *(["--once"] if hop == TAKE else [])], folder, "trommel"), port

    def usual(self, what, topic, database=None):
        self.runs += 1
        folder, port = self.folder / f"usual-{self.runs}", free_port()
        folder.mkdir()
        environment = {"BROKERS": self.kafka.address, "TOPIC": topic, "SCHEMA": str(AVSC), "PYTHONPATH": str(HERE)}
        if what == UP:
            return Process([sys.executable, "-m", "uvicorn", "upload_peers:app", "--port", port, "--log-level", "warning"], folder, "fastapi", **environment), port
        environment |= {"CLICKHOUSE": f"127.0.0.1:{self.clickhouse.port}", "DATABASE": database, "TABLE": TABLE}
        return Process([sys.executable, HERE / "upload_peers.py", self.options.rows], folder, "consumer", **environment), None

    def upload(self, server, port, ready):
        server.until_answers(f"http://127.0.0.1:{port}/{ready}")
        idle, began = server.cpu(), time.monotonic()
        self.send(port)
        figures = {"wall": time.monotonic() - began, "cpu": server.cpu() - idle, "peak_mb": server.peak_mb()}
        server.end()
        return figures

    def take(self, process, database):
        began = time.monotonic()
        process.wait()
        self.check(database)
        return {"wall": time.monotonic() - began, "cpu": process.cpu(), "peak_mb": process.peak}

    def whole(self, processes, port, ready, database):
        processes[0].until_answers(f"http://127.0.0.1:{port}/{ready}")
        time.sleep(1)  # the consumer has its partition
        idle, began = sum(process.cpu() for process in processes), time.monotonic()
        self.send(port)
        answered = time.monotonic() - began
        self.until_counted(processes, database)
        figures = {"wall": time.monotonic() - began, "answered": answered, "cpu": sum(process.cpu() for process in processes) - idle,
                   "peak_mb": sum(process.peak_mb() for process in processes if process.running())}
        self.check(database)
        for process in processes:
            process.end()
        return figures

    def until_counted(self, processes, database):
        def counted():
            try:
                return int(self.ask(f"SELECT count() FROM {TABLE}", database)) >= self.options.rows
            except OSError:
                return False  # the table is not there yet
        deadline = time.monotonic() + 600
        while not counted():
            if time.monotonic() > deadline:
                raise RuntimeError("rows are missing")
            time.sleep(0.02)

    def check(self, database):
        there = self.ask(f"SELECT {FACTS} FROM {TABLE}", database).split("\t")
        if [float(a) if a.replace(".", "").isdigit() else a for a in there] != [float(b) if b.replace(".", "").isdigit() else b for b in self.truth]:
            raise RuntimeError(f"the table has {there}, the file {self.truth}")

    def ceiling(self):
        done = subprocess.run([bench_binary("bench_kafka_ceiling"), self.kafka.address, self.topic(), str(self.options.rows), str(MESSAGE_BYTES)], check=True, capture_output=True, text=True)
        return {hop: {"wall": figures["seconds"], "cpu": figures["cpu"]} for hop, figures in json.loads(done.stdout).items()}

    def round(self):
        figures = {}
        ceiling = self.ceiling()
        figures["librdkafka alone", UP], figures["librdkafka alone", TAKE] = ceiling["produce"], ceiling["consume"]
        for way in (US, USUAL):
            topic, database = self.topic(), self.database()
            if way == US:
                figures[way, UP] = self.upload(*self.trommel(UP, topic, database), "ready")
                figures[way, TAKE] = self.take(self.trommel(TAKE, topic, database)[0], database)
            else:
                figures[way, UP] = self.upload(*self.usual(UP, topic), "openapi.json")
                self.ask(DDL, database)
                figures[way, TAKE] = self.take(self.usual(TAKE, topic, database)[0], database)
            topic, database = self.topic(), self.database()
            if way == US:
                process, port = self.trommel(WHOLE, topic, database)
                figures[way, WHOLE] = self.whole([process], port, "ready", database)
            else:
                self.ask(DDL, database)
                server, port = self.usual(UP, topic)
                figures[way, WHOLE] = self.whole([server, self.usual(TAKE, topic, database)[0]], port, "openapi.json", database)
            print(way, {hop: figures[way, hop] for hop in (UP, TAKE, WHOLE)}, file=sys.stderr)
        return figures


def table(results, rows):
    lines = ["| | | rows/s | CPU s per million rows | peak MB |", "|---|---|---|---|---|"]
    middle = {key: {what: statistics.median(run[what] for run in runs) for what in runs[0]} for key, runs in results.items()}
    for hop in (UP, TAKE, WHOLE):
        for way in ("librdkafka alone", US, USUAL):
            if (way, hop) in middle:
                run = middle[way, hop]
                peak = f"{run['peak_mb']:.0f}" if "peak_mb" in run else ""
                lines.append(f"| {hop} | {way} | {rows / run['wall']:,.0f} | {run['cpu'] / rows * 1e6:.2f} | {peak} |")
    for hop in (UP, TAKE, WHOLE):
        ours, usual = middle[US, hop], middle[USUAL, hop]
        lines.append(f"| {hop} | times as fast, as little CPU | {usual['wall'] / ours['wall']:.1f} | {usual['cpu'] / ours['cpu']:.1f} | |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--trommel", default=str(ROOT / "build/release/trommel"))
    parser.add_argument("--folder", default=None)
    parser.add_argument("--keep", action="store_true", help="write bench/results")
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="upload-", dir=options.folder))
    servers, results = [], {}
    try:
        kafka, clickhouse = Kafka(folder / "kafka"), Clickhouse(folder / "clickhouse")
        for server in (kafka, clickhouse):
            server.start()
            servers.append(server)
        race = Race(options, folder, kafka, clickhouse)
        for _ in range(options.rounds):
            for key, figures in race.round().items():
                results.setdefault(key, []).append(figures)
    finally:
        for server in servers:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    text = (f"{options.rows:,} game rounds of 10 columns, a message a row, one broker and one ClickHouse on the same {os.cpu_count()} cores; medians of {options.rounds} rounds, "
            f"load {load():.1f} at the end\n\n" + table(results, options.rows) + "\n")
    print(text)
    if options.keep:
        keep("upload", text, {"rows": options.rows, "results": {f"{way}, {hop}": runs for (way, hop), runs in results.items()}})


if __name__ == "__main__":
    main()
