"""Avro values on one core: trommel to and from Arrow columns, fastavro to and from dicts, libavro (C) to its generic values where it is installed.

The records are game rounds: ten columns, numbers that may be null, text. Whoever takes dicts or values still has to make columns of them; that is not in these figures.

usage: bench/avro.py [ROWS]      TROMMEL_BUILD says where bench_avro was built (build/release)"""
import array
import io
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

import fastavro

ROOT = pathlib.Path(__file__).resolve().parents[1]
BENCH = pathlib.Path(os.environ.get("TROMMEL_BUILD", ROOT / "build/release")) / "bench" / "bench_avro"
ROUNDS = 3
AMOUNTS = ["real_amount_bet", "bonus_amount_bet", "real_amount_win", "bonus_amount_win"]
SCHEMA = {"type": "record", "name": "game_round", "fields": [
    {"name": "created_timestamp", "type": "string"}, {"name": "game_instance_id", "type": "int"}, {"name": "user_id", "type": "string"}, {"name": "game_id", "type": "int"},
    *({"name": name, "type": ["null", "double"], "default": None} for name in AMOUNTS),
    {"name": "game_name", "type": "string"}, {"name": "provider", "type": "string"}]}


def rounds(count):
    draw = random.Random(7)
    for i in range(count):
        yield {"created_timestamp": f"2024-03-{i % 28 + 1:02} {i % 24:02}:{i % 60:02}:{i % 59:02}", "game_instance_id": i, "user_id": f"user{draw.randrange(100_000)}",
               "game_id": draw.randrange(500), **{name: None if draw.random() < 0.3 else round(draw.random() * 100, 2) for name in AMOUNTS},
               "game_name": f"game {draw.randrange(500)}", "provider": draw.choice(["north", "south", "east"])}


def best(count, work):
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return count / min(times)


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    schema = fastavro.parse_schema(SCHEMA)
    rows = list(rounds(count))
    data, ends = io.BytesIO(), array.array("q")
    for row in rows:
        fastavro.schemaless_writer(data, schema, row)
        ends.append(data.tell())

    def decode():
        data.seek(0)
        for _ in range(count):
            fastavro.schemaless_reader(data, schema, None)

    def encode():
        out = io.BytesIO()
        for row in rows:
            fastavro.schemaless_writer(out, schema, row)

    figures = {"fastavro": (best(count, decode), best(count, encode))}
    with tempfile.TemporaryDirectory() as folder:
        files = [pathlib.Path(folder) / name for name in ("schema.avsc", "data", "ends")]
        files[0].write_text(json.dumps(SCHEMA))
        files[1].write_bytes(data.getvalue())
        files[2].write_bytes(ends.tobytes())
        ours = json.loads(subprocess.run([BENCH, *files], check=True, capture_output=True, text=True).stdout)
    figures["trommel"] = (ours["decode"], ours["encode"])
    if "libavro" in ours:
        figures["libavro (C)"] = (ours["libavro"], None)
    print(f"{count} rows of {len(data.getvalue()) / count:.0f} bytes, rows/s on one core, fastavro {fastavro.__version__}\n")
    print("| | decode | encode |\n|---|---|---|")
    for name, rates in figures.items():
        print(f"| {name} | " + " | ".join("" if rate is None else f"{rate:,.0f}" for rate in rates) + " |")
    for i, what in enumerate(("decode", "encode")):
        print(f"{what}: {figures['trommel'][i] / figures['fastavro'][i]:.1f} x fastavro")


if __name__ == "__main__":
    main()
