"""The way of an uploaded CSV through a topic into a table, as it is usually written: a web application that produces, and a process that consumes.

usage: uvicorn upload_peers:app      with BROKERS, TOPIC, SCHEMA
       upload_peers.py ROWS          consumes that many into the table, with CLICKHOUSE (host:port), DATABASE and TABLE; without CLICKHOUSE it only decodes them
"""
import csv
import io
import json
import os
import sys
import time

import fastavro
from confluent_kafka import Consumer, Producer

BATCH = 10_000
SCHEMA = fastavro.parse_schema(json.load(open(os.environ["SCHEMA"])))
INTEGERS = ("game_instance_id", "game_id")
AMOUNTS = ("real_amount_bet", "bonus_amount_bet", "real_amount_win", "bonus_amount_win")


def make_app():
    from fastapi import FastAPI, File, UploadFile
    app = FastAPI()
    producer = Producer({"bootstrap.servers": os.environ["BROKERS"], "compression.type": "zstd", "linger.ms": 20, "queue.buffering.max.messages": 1_000_000})

    @app.post("/csv_upload")
    def csv_upload(csv_file: UploadFile = File(...)):
        failed, rows, out = 0, 0, io.BytesIO()

        def delivered(error, _message):
            nonlocal failed
            failed += error is not None

        for row in csv.DictReader(io.TextIOWrapper(csv_file.file, encoding="utf-8", newline="")):
            for name in INTEGERS:
                row[name] = int(row[name])
            for name in AMOUNTS:
                row[name] = float(row[name]) if row[name] else None
            out.seek(0)
            out.truncate()
            fastavro.schemaless_writer(out, SCHEMA, row)
            while True:
                try:
                    producer.produce(os.environ["TOPIC"], out.getvalue(), key=row["user_id"], on_delivery=delivered)
                    break
                except BufferError:
                    producer.poll(0.1)
            rows += 1
            if rows % 1000 == 0:
                producer.poll(0)
        producer.flush()
        return {"read": rows, "failed": failed}

    return app


def consume(wanted):
    consumer = Consumer({"bootstrap.servers": os.environ["BROKERS"], "group.id": "usual", "auto.offset.reset": "earliest", "enable.auto.commit": False})
    consumer.subscribe([os.environ["TOPIC"]])
    insert = None
    if "CLICKHOUSE" in os.environ:
        import clickhouse_connect
        host, port = os.environ["CLICKHOUSE"].split(":")
        client = clickhouse_connect.get_client(host=host, port=int(port), database=os.environ["DATABASE"], compress=False)  # one machine
        insert = lambda rows: client.insert(os.environ["TABLE"], rows, column_names=names)
    names = [field["name"] for field in SCHEMA["fields"]]
    taken, rows, began = 0, [], None
    while taken < wanted:
        messages = consumer.consume(BATCH, timeout=0.5)
        began = began or (time.monotonic() if messages else None)
        for message in messages:
            if message.error():
                raise RuntimeError(message.error())
            record = fastavro.schemaless_reader(io.BytesIO(message.value()), SCHEMA, None)
            rows.append([record[name] for name in names])
        taken += len(messages)
        if rows and (len(rows) >= BATCH or taken == wanted or not messages):
            if insert:
                insert(rows)
            consumer.commit(asynchronous=False)
            rows = []
    print(json.dumps({"rows": taken, "seconds": time.monotonic() - began}), flush=True)
    consumer.close()


if __name__ == "__main__":
    consume(int(sys.argv[1]))
else:
    app = make_app()
