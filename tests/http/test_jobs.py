"""What outlives the connection: jobs, keys, restarts and kills."""

import http.client
import json
import random
import socket
import threading
import time

import duckdb
import pytest

from conftest import csv, in_background

ASYNC = {"Prefer": "respond-async"}


def job_of(serving, address):
    serving.until(lambda: serving.get(address).json["state"] == "done", "the job is done")
    return serving.get(address).json


def slow(serving):
    """Nothing is published for a while: the table's file is held by somebody else."""
    return duckdb.connect(str(serving.folder / "t.duckdb"))


def test_a_job_tells_how_it_ended(serving):
    serving.start()
    answer = serving.post(csv([(1, "x"), (2, "y")]), ASYNC)
    assert answer.status == 202 and answer.headers["Preference-Applied"] == "respond-async"
    address = answer.headers["Location"]
    assert address == "/jobs/" + answer.json["id"]
    job = job_of(serving, address)
    assert job["status"] == 200 and job["answer"]["written"] == {"table": 2}
    refused = serving.post(csv([("x", "x")]), ASYNC)
    job = job_of(serving, refused.headers["Location"])
    assert job["status"] == 422 and job["answer"]["bad_rows"][0]["value"] == "x"
    assert serving.get("/jobs/upload-nothing").status == 404
    assert serving.get("/jobs/nothing").status == 404
    serving.stop()
    assert serving.rows() == [(1, "x"), (2, "y")]


def test_a_job_sends_events(serving):
    serving.start()
    address = serving.post(csv([(1, "x")]), ASYNC).headers["Location"]
    events = serving.get(address, headers={"Accept": "text/event-stream"})
    assert events.headers["Content-Type"] == "text/event-stream"
    named = [line for line in events.body.decode().splitlines() if line.startswith("event: ")]
    assert named[-1] == "event: done" and set(named[:-1]) <= {"event: progress"}
    last = [line for line in events.body.decode().splitlines() if line.startswith("data: ")][-2:]
    assert json.loads(last[0][6:])["outcome"] == "published"


def test_a_key_stands_for_one_upload(serving):
    serving.start()
    key = {"Idempotency-Key": "one"}
    first = serving.post(csv([(1, "x")]), key)
    again = serving.post(csv([(1, "x")]), key)
    assert (again.status, again.body) == (first.status, first.body) == (200, first.body)
    assert again.headers["Idempotent-Replayed"] == "true" and "Idempotent-Replayed" not in first.headers
    assert serving.post(csv([(2, "y")]), key).status == 422
    refused = serving.post(csv([("?", "y")]), {"Idempotency-Key": "two"})
    assert refused.status == 422
    assert serving.post(csv([("?", "y")]), {"Idempotency-Key": "two"}).body == refused.body
    # A form's boundary is another one each time; its file is the same.
    (serving.folder / "a.csv").write_bytes(csv([(3, "z")]))
    form = ["-H", "Idempotency-Key: form", "-F", "csv_file=@a.csv", serving.address()]
    assert serving.curl(*form).body == serving.curl(*form).body
    serving.stop()
    serving.start()
    assert serving.post(csv([(1, "x")]), key).body == first.body
    serving.stop()
    assert serving.rows() == [(1, "x"), (3, "z")]


def test_a_key_that_is_under_way(serving):
    serving.start()
    holder = slow(serving)
    try:
        key = {"Idempotency-Key": "one", **ASYNC}
        first = serving.post(csv([(1, "x")]), key)
        assert first.status == 202
        running = serving.post(csv([(1, "x")]), key)
        assert running.status == 409 and running.headers["Location"] == first.headers["Location"]
    finally:
        holder.close()
    job_of(serving, first.headers["Location"])
    assert serving.post(csv([(1, "x")]), key).json["outcome"] == "published"
    serving.stop()
    assert serving.rows() == [(1, "x")]


def test_a_key_of_a_broken_upload_is_free_again(serving):
    serving.start()
    with socket.create_connection(("127.0.0.1", serving.port)) as client:
        client.sendall(b"POST /csv_upload HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k\r\nContent-Length: 99\r\n\r\nid,word\n")
        serving.until(lambda: serving.uploads_left() != [], "it arrives")
        assert serving.post(csv([(1, "x")]), {"Idempotency-Key": "k"}).status == 409
    serving.until(lambda: serving.uploads_left() == [], "it is gone")
    assert serving.post(csv([(1, "x")]), {"Idempotency-Key": "k"}).status == 200


def test_what_was_accepted_survives_a_kill(serving):
    serving.start()
    holder = slow(serving)
    later = serving.post(csv([(1, "later")]), ASYNC)
    assert later.status == 202
    key = {"Idempotency-Key": "k"}
    keyed = in_background(lambda: serving.post(csv([(2, "keyed")]), key))
    serving.until(lambda: sum(name.endswith(".json") for name in serving.uploads_left()) == 2, "both are accepted")
    serving.kill()
    assert isinstance(keyed.exception(), OSError)
    holder.close()
    serving.start()
    assert job_of(serving, later.headers["Location"])["answer"]["written"] == {"table": 1}
    serving.until(lambda: serving.post(csv([(2, "keyed")]), key).status != 409, "the key is answered")
    answer = serving.post(csv([(2, "keyed")]), key)
    assert answer.status == 200 and answer.json["read"] == 1
    serving.stop()
    assert serving.rows() == [(1, "later"), (2, "keyed")]
    assert serving.uploads_left() == []


def test_stopping_answers_what_is_under_way(serving):
    serving.start()
    body = csv([(number, "x") for number in range(20_000)])
    pieces = (body[at:at + 20_000] for at in range(0, len(body), 20_000))

    def slowly():
        for piece in pieces:
            time.sleep(0.1)
            yield piece

    answer = in_background(lambda: serving.post(slowly(), {"Transfer-Encoding": "chunked"}, chunked=True))
    serving.until(lambda: serving.uploads_left() != [], "it arrives")
    serving.stop()
    assert answer.result().status == 200 and answer.result().json["read"] == 20_000
    assert len(serving.rows()) == 20_000


@pytest.mark.parametrize("seed", range(6))
def test_kills_at_any_time_lose_and_double_nothing(serving, seed):
    """Every upload that was answered 200 or 202, or that came again with its key until it was, is there once."""
    chance = random.Random(seed)
    sent, wanted = iter(range(1, 10_000)), set()
    lock = threading.Lock()
    ended = threading.Event()

    def client():
        while not ended.is_set():
            with lock:
                row = next(sent)
            kind = row % 3
            headers = [{}, ASYNC, {"Idempotency-Key": str(row)}][kind]
            while not ended.is_set():
                try:
                    answer = serving.post(csv([(row, "x")]), headers, timeout=10)
                except (OSError, http.client.HTTPException):
                    answer = None
                if answer is not None and answer.status in (200, 202):
                    with lock:
                        wanted.add(row)
                    break
                if kind != 2:
                    break  # whether it is there nobody knows
                time.sleep(0.02)

    serving.start()
    clients = [in_background(client) for _ in range(4)]
    for _ in range(3):
        time.sleep(chance.uniform(0.05, 0.6))
        serving.kill()
        serving.start()
    time.sleep(0.3)
    ended.set()
    for one in clients:
        one.result()
    time.sleep(0.2)
    serving.stop()
    rows = [row[0] for row in serving.rows()]
    assert len(rows) == len(set(rows))
    assert wanted <= set(rows)
    assert serving.uploads_left() == []
