"""docs/guide/upload-to-warehouse.md, pasted."""
import os
import pathlib

from guide import paste
from ports import free_port

ROOT = pathlib.Path(os.environ.get("TROMMEL_SOURCE") or pathlib.Path(__file__).parents[2])
TROMMEL = pathlib.Path(os.environ["TROMMEL"])


def test_every_block_does_what_the_page_says(tmp_path):
    address = f"127.0.0.1:{free_port()}"
    environment = {**os.environ, "PATH": f"{TROMMEL.parent}:{os.environ['PATH']}", "LISTEN": address}
    for name in ("KAFKA", "REGISTRY", "WAREHOUSE"):
        environment.pop(name, None)
    assert paste(ROOT / "docs/guide/upload-to-warehouse.md", tmp_path, environment, [("127.0.0.1:8080", address)]) == (6, 3)
