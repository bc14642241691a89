"""Uploads by clients that are not ours: what they are told, and what other programs find in the stores."""

import gzip
import io
import json
import socket
import subprocess
import time

import pyarrow
import pyarrow.csv
import pyarrow.parquet
import pytest

from conftest import csv, in_threads


def test_a_form_of_curl_is_in_the_table_when_it_answers(serving):
    (serving.folder / "words.csv").write_bytes(csv([(1, "one"), (2, "two")]))
    serving.start()
    answer = serving.curl("-F", "csv_file=@words.csv", "-F", "note=other fields are left alone", serving.address())
    assert answer.status == 200, answer.body
    told = answer.json
    assert told["outcome"] == "published" and told["name"] == "words.csv"
    assert (told["read"], told["written"], told["rejected"], told["bad_rows"]) == (2, {"table": 2}, 0, [])
    serving.kill()  # it was durable when it was told
    assert serving.rows() == [(1, "one"), (2, "two")]


def test_bare_bytes_packed_or_not_chunked_or_not(serving):
    serving.start()
    assert serving.post(csv([(1, "plain")])).status == 200
    assert serving.post(gzip.compress(csv([(2, "gzip")])), {"Content-Encoding": "gzip"}).status == 200
    packed = subprocess.run(["zstd", "-c"], input=csv([(3, "zstd")]), capture_output=True, check=True).stdout
    assert serving.post(packed, {"Content-Encoding": "zstd"}).status == 200
    assert serving.post(gzip.compress(csv([(4, "by its own bytes")]))).status == 200
    pieces = [csv([(5, "chunked")])[at:at + 3] for at in range(0, 24, 3)]
    assert serving.post(iter(pieces), {"Transfer-Encoding": "chunked"}, chunked=True).status == 200
    assert serving.post(b'{"id": 6, "word": "json"}\n', {"Content-Type": "application/x-ndjson"}).status == 200
    table = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"id": [7], "word": ["parquet"]}), table)
    assert serving.post(table.getvalue(), {"Content-Type": "application/vnd.apache.parquet"}).status == 200
    serving.stop()
    words = ["plain", "gzip", "zstd", "by its own bytes", "chunked", "json", "parquet"]
    assert serving.rows() == [(number + 1, word) for number, word in enumerate(words)]


def test_a_form_that_is_packed_as_a_whole(serving):
    serving.start()
    form = (b'--x\r\nContent-Disposition: form-data; name="csv_file"; filename="a.csv"\r\n\r\n'
            + csv([(1, "a")]) + b"\r\n--x--\r\n")
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Content-Encoding": "gzip"}
    assert serving.post(gzip.compress(form), headers).status == 200
    cut = gzip.compress(form)[:-5]
    assert serving.post(cut, headers).status == 400
    serving.stop()
    assert serving.rows() == [(1, "a")]
    assert serving.uploads_left() == []


def test_bad_rows_past_the_budget_refuse_the_upload_alone(serving):
    serving.start()
    good, bad = in_threads(serving.post, [csv([(1, "x")]), csv([(2, "x"), ("no number", "y"), (3, "z")])])
    assert good.status == 200
    assert bad.status == 422 and bad.headers["Content-Type"] == "application/problem+json"
    told = bad.json
    assert told["status"] == 422 and "1 of 3 rows were rejected and max_rejects is 0" in told["detail"]
    assert [(row["line"], row["column"], row["value"]) for row in told["bad_rows"]] == [(3, "id", "no number")]
    assert (told["read"], told["written"], told["rejected"]) == (3, {}, 1)
    serving.stop()
    assert serving.rows() == [(1, "x")]


def test_bad_rows_within_the_budget_are_listed(serving):
    serving.pipeline(source="max_rejects: 1")
    serving.start()
    told = serving.post(csv([(2, "x"), ("?", "y"), (3, "z")])).json
    assert told["outcome"] == "published" and told["reasons"] == {"cast": 1}
    assert (told["read"], told["written"], told["rejected"]) == (3, {"table": 2}, 1)
    # Each is judged for itself: two of them have two bad rows, and none has more than one.
    both = in_threads(serving.post, [csv([(4, "x"), ("?", "y")]), csv([(5, "x"), ("?", "y")])])
    assert [answer.status for answer in both] == [200, 200]
    serving.stop()
    assert serving.rows() == [(2, "x"), (3, "z"), (4, "x"), (5, "x")]


def test_what_is_no_table_is_refused_and_says_why(serving):
    serving.start()
    assert "empty" in serving.post(b"").json["bad_rows"][0]["reason"]
    broken = serving.post(gzip.compress(csv([(1, "x")] * 1000))[:-20], {"Content-Encoding": "gzip"})
    assert broken.status == 422 and broken.json["bad_rows"][0]["code"] == "unreadable"
    columns = serving.post(b"other,columns\n1,2\n")
    assert columns.status == 422 and "id" in columns.json["bad_rows"][0]["reason"]
    serving.stop()
    assert serving.rows() == []
    assert serving.uploads_left() == []


@pytest.mark.parametrize("body, headers, status", [
    (b"--x--\r\n", {"Content-Type": "multipart/form-data; boundary=x"}, 400),
    (b'--x\r\nContent-Disposition: form-data; name="csv_file"\r\n\r\nid\r\n', {"Content-Type": "multipart/form-data; boundary=x"}, 400),
    (b"x", {"Content-Type": "multipart/form-data"}, 400),
    (b"x", {"Content-Encoding": "br"}, 415),
    (b"x", {"Idempotency-Key": "k" * 256}, 400),
    (b"x" * 2000, {}, 413),
])
def test_what_cannot_be_taken(serving, body, headers, status):
    serving.pipeline(upload=", max_size: 1KB")
    serving.start()
    answer = serving.post(body, headers)
    assert answer.status == status and answer.json["status"] == status
    assert serving.uploads_left() == []


def test_two_files_in_one_form_are_too_many(serving):
    (serving.folder / "a.csv").write_bytes(csv([(1, "a")]))
    serving.start()
    answer = serving.curl("-F", "csv_file=@a.csv", "-F", "csv_file=@a.csv", serving.address())
    assert answer.status == 400 and "one file" in answer.json["detail"]


def test_no_room_on_disk(serving):
    serving.pipeline(upload=", quota: 10KB")
    serving.start()
    assert serving.post(csv([(1, "x" * 20_000)])).status == 507
    assert serving.post(csv([(1, "x")])).status == 200
    assert serving.post(csv([(2, "x" * 9_000)])).status == 200  # what was taken makes room again
    assert serving.uploads_left() == []


def test_a_broken_upload_publishes_nothing(serving):
    serving.start()
    body = csv([(number, "x") for number in range(1000)])
    with socket.create_connection(("127.0.0.1", serving.port)) as client:
        client.sendall(b"POST /csv_upload HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:-10])
        serving.until(lambda: serving.uploads_left() != [], "it arrives")
    serving.until(lambda: serving.uploads_left() == [], "it is gone")
    serving.stop()
    assert serving.rows() == []


def test_many_at_once_share_epochs(serving):
    serving.start()
    answers = in_threads(serving.post, [csv([(number, "x")]) for number in range(40)])
    assert {answer.status for answer in answers} == {200}
    assert len({answer.json["epoch"] for answer in answers}) < 40
    serving.stop()
    assert [row[0] for row in serving.rows()] == list(range(40))


def test_an_answer_does_not_wait_for_the_time_of_a_commit(serving):
    text = (serving.folder / "p.yaml").read_text() + "commit: { every: 30s }\n"
    serving.pipeline(text=text)
    serving.start()
    begun = time.monotonic()
    for number in range(3):
        assert serving.post(csv([(number, "x")])).status == 200
    assert time.monotonic() - begun < 10


def test_a_file_sink_too(serving):
    serving.pipeline(sinks='lake: { from: upload, files: { path: "lake/{source_stem}.parquet" } }')
    serving.start()
    (serving.folder / "words.csv").write_bytes(csv([(1, "one")]))
    told = serving.curl("-F", "csv_file=@words.csv", serving.address()).json
    assert told["written"] == {"lake": 1, "table": 1}
    serving.stop()
    assert pyarrow.parquet.read_table(serving.folder / "lake" / "words.parquet").to_pylist() == [{"id": 1, "word": "one"}]


def test_rejects_are_in_the_log_of_rejects(serving):
    serving.pipeline(source="max_rejects: 5")
    serving.start()
    told = serving.curl("-H", "Content-Type: text/csv", "--data-binary", "id,word\nx,y\n", serving.address()).json
    serving.stop()
    logs = list((serving.folder / ".trommel" / "uploads" / "rejects").glob("*.jsonl"))
    lines = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
    assert [(line["raw"], line["split"].split("/")[0]) for line in lines] == [("x,y", told["id"])]
