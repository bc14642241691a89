"""The OpenAPI document against the server: schemathesis makes requests from it and judges the answers."""

import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(os.environ["TROMMEL_SOURCE"])
CACHE = pathlib.Path(os.environ.get("TROMMEL_CACHE") or pathlib.Path(sys.prefix).parent)


def test_export_is_what_the_server_gives(served):
    _, _, body = served.get("/openapi.json")
    served.stop()  # the file is free then
    assert json.loads(served.call("export", "openapi", "p.yaml")) == json.loads(body)
    served.__init__(served.folder)


# A cursor is what the server has handed out, and stands in place of a number: neither can be said in a schema.
HOOKS = """
import schemathesis

@schemathesis.hook
def before_load_schema(context, raw_schema):
    for path in raw_schema["paths"].values():
        path["get"]["parameters"] = [one for one in path["get"]["parameters"] if one["name"] != "cursor"]
"""


def test_no_answer_is_outside_the_description(served, tmp_path):
    subprocess.run([ROOT / "scripts/venv", "api-venv", "requirements/api.txt"], cwd=ROOT, check=True)
    (tmp_path / "hooks.py").write_text(HOOKS)
    done = subprocess.run(
        [CACHE / "api-venv/bin/st", "run", served.address + "/openapi.json", "--checks", "all", "--max-examples", "60",
         "--seed", "1", "--phases", "examples,coverage,fuzzing", "--workers", "1"],
        cwd=tmp_path, env={**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=500)
    assert done.returncode == 0, done.stdout[-6000:]
    assert served.process.poll() is None
