"""What outlives the connection: jobs, keys, restarts and kills."""

import json
import time

import pytest

from conftest import csv, in_threads

ASYNC = {"Prefer": "respond-async"}


def job_of(serving, address, seconds=30):
    end = time.monotonic() + seconds
    while True:
        job = serving.get(address)
        assert job.status == 200, job.body
        if job.json["state"] == "done":
            return job.json
        assert time.monotonic() < end, job.body
        time.sleep(0.05)


def slow(serving):
    """Nothing is published for a while: the table's file is held by somebody else."""
    import duckdb

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
    import socket

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
    keyed = []
    in_background = in_threads_later(keyed, serving)
    serving.until(lambda: sum(name.endswith(".json") for name in serving.uploads_left()) == 2, "both are accepted")
    serving.kill()
    in_background.join()
    holder.close()
    serving.start()
    assert job_of(serving, later.headers["Location"])["answer"]["written"] == {"table": 1}
    key = {"Idempotency-Key": "k"}
    end = time.monotonic() + 30
    while (answer := serving.post(csv([(2, "keyed")]), key)).status == 409:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert answer.status == 200 and answer.json["read"] == 1
    serving.stop()
    assert serving.rows() == [(1, "later"), (2, "keyed")]
    assert serving.uploads_left() == []


def in_threads_later(answers, serving):
    import threading

    def send():
        try:
            answers.append(serving.post(csv([(2, "keyed")]), {"Idempotency-Key": "k"}))
        except OSError as error:
            answers.append(error)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


def test_stopping_answers_what_is_under_way(serving):
    serving.start()
    answers = []
    import threading

    body = csv([(number, "x") for number in range(20_000)])
    pieces = (body[at:at + 20_000] for at in range(0, len(body), 20_000))

    def slowly():
        for piece in pieces:
            time.sleep(0.1)
            yield piece

    thread = threading.Thread(
        target=lambda: answers.append(serving.post(slowly(), {"Transfer-Encoding": "chunked"}, chunked=True)))
    thread.start()
    serving.until(lambda: serving.uploads_left() != [], "it arrives")
    serving.stop()
    thread.join()
    assert answers[0].status == 200 and answers[0].json["read"] == 20_000
    assert len(serving.rows()) == 20_000


@pytest.mark.parametrize("seed", range(6))
def test_kills_at_any_time_lose_and_double_nothing(serving, seed):
    """Every upload that was answered 200 or 202, or that came again with its key until it was, is there once."""
    import random
    import threading

    chance = random.Random(seed)
    sent, wanted = iter(range(1, 10_000)), set()
    lock = threading.Lock()
    ended = threading.Event()

    def client(number):
        while not ended.is_set():
            with lock:
                row = next(sent)
            kind = row % 3
            headers = [{}, ASYNC, {"Idempotency-Key": str(row)}][kind]
            while not ended.is_set():
                try:
                    answer = serving.post(csv([(row, "x")]), headers, timeout=10)
                except (OSError, http_error):
                    answer = None
                if answer is not None and answer.status in (200, 202):
                    with lock:
                        wanted.add(row)
                    break
                if kind != 2:
                    break  # whether it is there nobody knows
                time.sleep(0.02)

    import http.client
    http_error = http.client.HTTPException
    serving.start()
    threads = [threading.Thread(target=client, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        time.sleep(chance.uniform(0.05, 0.6))
        serving.kill()
        serving.start()
    time.sleep(0.3)
    ended.set()
    for thread in threads:
        thread.join()
    time.sleep(0.2)
    serving.stop()
    rows = [row[0] for row in serving.rows()]
    assert len(rows) == len(set(rows))
    assert wanted <= set(rows)
    assert serving.uploads_left() == []
