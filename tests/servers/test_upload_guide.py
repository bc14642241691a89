"""docs/guide/upload-to-warehouse.md, pasted with three variables that name servers: the same commands, the same answers."""
import os
import pathlib
import sys

import pytest
from clickhouse import Clickhouse, OldClickhouse
from conftest import Topics
from kafka import Kafka, free_port

ROOT = pathlib.Path(os.environ["TROMMEL_SOURCE"])
sys.path.insert(0, str(ROOT / "tests/examples"))
from guide import paste  # noqa: E402


@pytest.mark.parametrize("kind", [Clickhouse, OldClickhouse], ids=["current", "18.16"])
def test_every_block_does_what_the_page_says(kind, tmp_path_factory):
    folder = tmp_path_factory.mktemp("guide")
    servers = [Kafka(folder / "kafka"), kind(folder / "clickhouse")]
    try:
        for server in servers:
            server.start()
        Topics(servers[0]).make("bets")
        (folder / "here").mkdir()
        address = f"127.0.0.1:{free_port()}"
        environment = {**os.environ, "PATH": f"{pathlib.Path(os.environ['TROMMEL']).parent}:{os.environ['PATH']}", "LISTEN": address, "KAFKA": servers[0].address,
                       "WAREHOUSE": servers[1].address}
        changes = [("127.0.0.1:8080", address)]
        if not servers[1].tokens:
            changes += [('09:00:00"', '09:00:00Z"'), (" 10:00:00,2,2", "T10:00:00Z,2,2")]  # such an engine's times come with their zone
        assert paste(ROOT / "docs/guide/upload-to-warehouse.md", folder / "here", environment, changes) == (6, 3)
    finally:
        for server in servers:
            server.stop()
