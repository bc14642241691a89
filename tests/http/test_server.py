"""The server of a run: who is let in, what it says of itself, TLS."""

import hashlib
import re
import subprocess

import pytest

from conftest import csv

TOKENS = """tokens: {{ loader: {{ sha256: {loader}, allow: [upload], paths: [/csv_upload] }},
            other: {{ sha256: {other}, allow: [upload] }}, boss: {{ sha256: {boss}, allow: [admin] }} }}"""


def tokens():
    hashed = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("loader", "other", "boss")}
    return ", " + TOKENS.format(**hashed)


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def test_health_and_metrics(serving):
    serving.pipeline(source="max_rejects: 1")
    serving.start()
    assert serving.get("/health").json == {"status": "ok"}
    assert serving.get("/ready").status == 200
    assert serving.post(csv([(1, "x"), ("?", "y")])).status == 200
    assert serving.get("/nowhere").status == 404
    text = serving.get("/metrics").body.decode()
    for line in text.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) .*|[a-z_]+(\{([a-z]+="[^"]*",?)*\})? [0-9.e+-]+', line), line
    assert 'trommel_rows_read_total{pipeline="uploads"} 2' in text
    assert 'trommel_rows_written_total{pipeline="uploads",sink="table"} 1' in text
    assert 'trommel_rows_rejected_total{pipeline="uploads",stage="upload",reason="cast"} 1' in text
    assert 'trommel_http_request_seconds_count{method="POST",route="/csv_upload",status="200"} 1' in text
    assert 'trommel_http_request_seconds_bucket{method="POST",route="/csv_upload",status="200",le="+Inf"} 1' in text
    assert "nowhere" not in text


def test_tokens(serving):
    serving.pipeline(server=tokens())
    serving.start()
    body = csv([(1, "x")])
    assert serving.post(body).status == 401
    assert serving.post(body, bearer("wrong")).status == 401
    assert serving.post(body, bearer("boss")).status == 403
    assert serving.post(body, bearer("loader")).status == 200
    assert serving.get("/health").status == 200
    assert serving.get("/metrics").status == 401
    assert serving.get("/metrics", headers=bearer("boss")).status == 200
    # Keys and jobs are their token's own.
    key = {"Idempotency-Key": "k"}
    assert serving.post(csv([(2, "x")]), {**key, **bearer("loader")}).status == 200
    assert serving.post(csv([(3, "x")]), {**key, **bearer("other")}).status == 200
    job = serving.post(csv([(4, "x")]), {"Prefer": "respond-async", **bearer("loader")}).headers["Location"]
    assert serving.get(job, headers=bearer("other")).status == 404
    assert serving.get(job, headers=bearer("loader")).status == 200
    serving.until(lambda: serving.get(job, headers=bearer("loader")).json["state"] == "done", "it is done")
    log = serving.log()
    assert "POST /csv_upload 401" in log and "token=loader" in log
    serving.stop()
    assert [row[0] for row in serving.rows()] == [1, 2, 3, 4]


def test_the_access_log_keeps_secrets(serving):
    serving.start()
    serving.post(csv([(1, "x")]), {"Authorization": "Bearer hunter2"}, path="/csv_upload?key=hunter3")
    serving.stop()
    assert "POST /csv_upload 200" in serving.log()
    assert "hunter" not in serving.log()


def test_tls(serving):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
        cwd=serving.folder, check=True, capture_output=True)
    serving.pipeline(server=", tls: { certificate: cert.pem, key: key.pem }")
    serving.start()
    (serving.folder / "big.csv").write_bytes(csv([(number, "x" * 100) for number in range(50_000)]))
    answer = serving.curl("--cacert", "cert.pem", "-F", "csv_file=@big.csv", f"https://127.0.0.1:{serving.port}/csv_upload")
    assert answer.status == 200 and answer.json["read"] == 50_000
    old = subprocess.run(["curl", "-sk", "--tls-max", "1.1", f"https://127.0.0.1:{serving.port}/health"], capture_output=True)
    assert old.returncode != 0
    serving.stop()


def test_a_port_that_is_taken_ends_the_run(serving):
    serving.start()
    text = (serving.folder / "p.yaml").read_text().replace("127.0.0.1:0", f"127.0.0.1:{serving.port}")
    (serving.folder / "q.yaml").write_text(text.replace("name: uploads", "name: others"))
    from conftest import TROMMEL

    done = subprocess.run([TROMMEL, "run", "q.yaml"], cwd=serving.folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "cannot listen" in done.stderr
