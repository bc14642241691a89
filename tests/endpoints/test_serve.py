"""Where `serve` listens and whom it lets in: as the pipeline's `server:` says, and the command line before it."""

import hashlib
import json
import ssl
import subprocess

import pytest

from conftest import PIPELINE, TROMMEL, Served

TOKENS = ", ".join(f"{name}: {{ sha256: {hashlib.sha256(name.encode()).hexdigest()}, allow: [{scope}] }}"
                   for name, scope in (("reader", "query"), ("loader", "upload"), ("boss", "admin")))


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def serve(tmp_path):
    servers = []

    def start(*how):
        servers.append(Served(tmp_path, *how))
        return servers[-1]

    yield start
    for one in servers:
        if one.process.poll() is None:
            one.stop()


def test_tokens(serve):
    server = serve(f"server: {{ listen: 127.0.0.1:0, tokens: {{ {TOKENS} }} }}\n", ())
    assert server.get("/rounds")[0] == 401
    assert server.get("/rounds", **bearer("loader"))[0] == 403
    assert server.get("/rounds", **bearer("reader"))[0] == 200
    assert server.get("/metrics", **bearer("reader"))[0] == 403
    assert b"trommel_http_request_seconds_count" in server.get("/metrics", **bearer("boss"))[2]
    for path in ("/health", "/ready", "/docs"):
        assert server.get(path)[0] == 200, path
    described = json.loads(server.get("/openapi.json")[2])
    assert described["components"]["securitySchemes"]
    server.stop()
    assert json.loads(server.call("export", "openapi", "p.yaml")) == described


def test_tls(serve, tmp_path):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"], cwd=tmp_path, check=True, capture_output=True)
    server = serve("server: { listen: 127.0.0.1:0, tls: { certificate: cert.pem, key: key.pem } }\n", ())
    assert server.address.startswith("https://127.0.0.1:")
    server.context = ssl.create_default_context(cafile=tmp_path / "cert.pem")
    assert server.get("/rounds")[0] == 200


def test_the_command_line_says_where(serve):
    server = serve("server: { listen: 127.0.0.1:1, insecure: true }\n", ("--listen", "0.0.0.0:0"))
    assert server.address.startswith("http://0.0.0.0:")
    assert server.get("/rounds")[0] == 200


@pytest.mark.parametrize("server, missing", [("", "`tls` and `tokens`"), (f"server: {{ tokens: {{ {TOKENS} }} }}\n", "`tls`")])
def test_other_machines_need_more(tmp_path, server, missing):
    (tmp_path / "p.yaml").write_text(PIPELINE + server)
    refused = subprocess.run([TROMMEL, "serve", "p.yaml", "--listen", "0.0.0.0:0"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 64
    assert f"--listen: other machines reach 0.0.0.0:0, and p.yaml has no {missing} (" in refused.stderr
    wrong = subprocess.run([TROMMEL, "serve", "p.yaml", "--listen", "8080"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert wrong.returncode == 64 and "8080 is no address and port" in wrong.stderr


@pytest.mark.parametrize("verb", ["run", "serve"])
def test_a_store_that_is_away_is_no_mistake_of_the_file(tmp_path, verb):
    """Who watches the process starts it again after a 1, and not after a 78."""
    (tmp_path / "in.csv").write_text("id\n1\n")
    (tmp_path / "p.yaml").write_text("""
name: away
sources: { files: { files: in.csv, contract: { id: BIGINT } } }
sinks: { rows: { store: "clickhouse://127.0.0.1:1/default", table: rows } }
stores: { warehouse: "clickhouse://127.0.0.1:1/default" }
views: { counts: { store: warehouse, by: [id], sql: "SELECT id, count(*) AS n FROM rows GROUP BY id" } }
endpoints: { /counts: { sql: "SELECT * FROM counts", store: warehouse, key: [id], order_by: id } }
""")
    done = subprocess.run([TROMMEL, verb, "p.yaml"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "connect" in done.stderr, done
