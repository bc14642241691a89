"""An upload's size costs no memory: 500 MB and 5 GB come through a process of 256 MB, and every row is in the table.

SOAK_UPLOAD_GB sets other sizes, as `0.5,5`."""
import http.client
import os
import pathlib
import re
import signal
import subprocess
import time

import duckdb
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TROMMEL_BUILD") or ROOT / "build" / "release")
SIZES = [float(size) for size in os.environ.get("SOAK_UPLOAD_GB", "0.5,5").split(",")]
LIMIT_MB = 256

PIPELINE = """
name: uploads
memory: 192MB
server: { listen: 127.0.0.1:0 }
sources:
  upload:
    http_upload: { path: /csv_upload, field: csv_file }
    contract: { id: BIGINT, word: VARCHAR, price: DOUBLE, day: DATE }
sinks:
  table: { from: upload, store: "duckdb:t.duckdb", table: t }
"""


def rows_of(size):
    """Pieces of about 1 MB, made once and sent again and again: only the numbers of rows count."""
    piece = "".join(f"{number},word {number % 977},{number / 7:.4f},2026-01-{1 + number % 28:02}\n" for number in range(30_000)).encode()
    return piece, max(1, int(size * 1e9) // len(piece))


def peak_mb(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


@pytest.mark.parametrize("size", SIZES)
def test_a_large_upload_in_little_memory(size, tmp_path):
    (tmp_path / "p.yaml").write_text(PIPELINE)
    log = tmp_path / "log.txt"
    process = subprocess.Popen([BUILD / "trommel", "run", "p.yaml", "--log", "log.txt"], cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        while not log.exists() or "waiting for input" not in log.read_text():
            assert process.poll() is None
            time.sleep(0.05)
        port = int(re.search(r"listening at http://127\.0\.0\.1:(\d+)", log.read_text())[1])
        piece, times = rows_of(size)
        head = (b'--x\r\nContent-Disposition: form-data; name="csv_file"; filename="big.csv"\r\n\r\nid,word,price,day\n')
        tail = b"\r\n--x--\r\n"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3600)
        connection.putrequest("POST", "/csv_upload")
        connection.putheader("Content-Type", "multipart/form-data; boundary=x")
        connection.putheader("Content-Length", str(len(head) + times * len(piece) + len(tail)))
        connection.endheaders()
        began = time.monotonic()
        connection.send(head)
        for _ in range(times):
            connection.send(piece)
        connection.send(tail)
        sent = time.monotonic() - began
        answer = connection.getresponse()
        body = answer.read()
        took = time.monotonic() - began
        peak = peak_mb(process)
        print(f"\n{size:g} GB: sent in {sent:.1f} s, durable in {took:.1f} s, peak {peak:.0f} MB")
        assert answer.status == 200, body
        assert peak < LIMIT_MB
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=600) == 0
    finally:
        process.kill()
    with duckdb.connect(str(tmp_path / "t.duckdb"), read_only=True) as store:
        assert store.execute("SELECT count(*) FROM t").fetchone()[0] == times * 30_000
