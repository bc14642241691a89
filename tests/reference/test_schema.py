"""The JSON Schema for editors, docs/reference/pipeline.schema.json (`make reference` writes it): fresh, and right about files that lint accepts."""
import json
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


def said_by_the_binary():
    return subprocess.run([os.environ["TROMMEL"], "describe", "--schema"], check=True, stdout=subprocess.PIPE, text=True).stdout


def test_schema_is_fresh():
    assert (ROOT / "docs/reference/pipeline.schema.json").read_text() == said_by_the_binary(), "stale: `make reference` writes it"


def test_schema_knows_the_components():
    schema = json.loads(said_by_the_binary())
    assert "clean" in schema["properties"]["transforms"]["additionalProperties"]["properties"]
    assert schema["properties"]["sources"]["additionalProperties"]["additionalProperties"] is False
    assert {"sources", "sinks"} <= set(schema["required"])
