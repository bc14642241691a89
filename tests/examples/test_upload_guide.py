"""docs/guide/upload-to-warehouse.md, pasted."""
import os
import pathlib
import socket

from guide import paste

ROOT = pathlib.Path(os.environ.get("TROMMEL_SOURCE") or pathlib.Path(__file__).parents[2])
TROMMEL = pathlib.Path(os.environ["TROMMEL"])


def test_every_block_does_what_the_page_says(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    environment = {**os.environ, "PATH": f"{TROMMEL.parent}:{os.environ['PATH']}", "LISTEN": address}
    for name in ("KAFKA", "REGISTRY", "WAREHOUSE"):
        environment.pop(name, None)
    assert paste(ROOT / "docs/guide/upload-to-warehouse.md", tmp_path, environment, [("127.0.0.1:8080", address)]) == (6, 3)
