"""trommel beside fastavro: random schemas and values written by one and read by the other, and schemas that have evolved."""
import copy
import json
import os
import random
import subprocess

import fastavro
import pyarrow.parquet as pq
import pytest

import schemas

TROMMEL = os.environ["TROMMEL"]
SEEDS = range(int(os.environ.get("AVRO_SEEDS", "60")))
CODECS = ["null", "deflate", "snappy", "zstandard"]


def trommel(folder, *arguments):
    return subprocess.run([TROMMEL, *arguments], cwd=folder, capture_output=True, text=True, timeout=120)


def convert(folder, source, target):
    done = trommel(folder, "convert", source, target)
    assert done.returncode == 0, done.stdout + done.stderr


def write(path, schema, rows, seed, codec=None):
    with path.open("wb") as file:
        fastavro.writer(file, fastavro.parse_schema(copy.deepcopy(schema)), rows, codec=codec or CODECS[seed % 4], sync_interval=[50, 1000, 16000][seed % 3])


def read(path, reader_schema=None):
    with path.open("rb") as file:
        return list(fastavro.reader(file, reader_schema=reader_schema))


@pytest.mark.parametrize("seed", SEEDS)
def test_random_schemas(seed, tmp_path):
    maker = schemas.Maker(seed)
    schema = maker.record()
    rows = [maker.value(schema) for _ in range(maker.random.choice([1, 10, 200]))]
    write(tmp_path / "in.avro", schema, rows, seed)
    convert(tmp_path, "in.avro", "out.avro")
    assert read(tmp_path / "out.avro") == [schemas.as_written(schema, row) for row in read(tmp_path / "in.avro")]


@pytest.mark.parametrize("seed", SEEDS)
def test_columns(seed, tmp_path):
    """What stands in the columns, seen by another reader of another format."""
    maker = schemas.Maker(1000 + seed)
    kinds = [maker.plain(1, maker.random.choice(["primitive", "logical", "array", "map", "record"])) for _ in range(5)]
    schema = {"type": "record", "name": "r", "fields": [{"name": f"c{i}", "type": maker.random.choice([kind, ["null", kind]])} for i, kind in enumerate(kinds)]}
    rows = [maker.value(schema) for _ in range(20)]
    write(tmp_path / "in.avro", schema, rows, seed)
    convert(tmp_path, "in.avro", "out.parquet")
    table = pq.ParquetFile(tmp_path / "out.parquet").read()
    assert table.to_pylist() == [schemas.as_columns(schema, row) for row in read(tmp_path / "in.avro")]


class Evolved:
    """The writer's schema as a reader might know it, some time later."""

    PROMOTED = {"int": ["long", "float", "double"], "long": ["float", "double"], "float": ["double"], "string": ["bytes"], "bytes": ["string"]}

    def __init__(self, seed):
        self.random = random.Random(seed)

    def record(self, schema):
        fields = []
        for field in schema["fields"]:
            if self.random.random() < 0.2:
                continue
            new = {"name": field["name"], "type": self.type(field["type"])}
            if self.random.random() < 0.2:
                new = {"name": field["name"] + "_new", "aliases": [field["name"]], "type": new["type"]}
            fields.append(new)
        added = [{"name": "added_a", "type": "int", "default": 42}, {"name": "added_b", "type": ["null", "string"], "default": None},
                 {"name": "added_c", "type": {"type": "array", "items": "string"}, "default": ["x", "y"]},
                 {"name": "added_d", "type": {"type": "map", "values": "double"}, "default": {"k": 1.5}}]
        fields += [field for field in added if self.random.random() < 0.4] or [added[0]]
        self.random.shuffle(fields)
        return {**schema, "fields": fields}

    def type(self, kind):
        if isinstance(kind, str):
            # bytes are no text as they come
            return self.random.choice([kind, *self.PROMOTED.get(kind, [])]) if kind != "bytes" else kind
        if isinstance(kind, list):
            return kind
        if kind["type"] == "record":
            # its added names are those of the record around it
            return kind
        if kind["type"] in ("array", "map"):
            inner = "items" if kind["type"] == "array" else "values"
            return {**kind, inner: self.type(kind[inner])}
        if self.random.random() < 0.3:
            return ["null", kind]
        return kind


@pytest.mark.parametrize("seed", SEEDS)
def test_evolved_schemas(seed, tmp_path):
    maker = schemas.Maker(2000 + seed)
    writer = maker.record()
    reader = Evolved(seed).record(writer)
    rows = [maker.value(writer) for _ in range(10)]
    write(tmp_path / "in.avro", writer, rows, seed)
    (tmp_path / "reader.avsc").write_text(json.dumps(reader))
    (tmp_path / "pipeline.yaml").write_text("sources:\n  in: { files: in.avro, contract: reader.avsc }\nsinks:\n  out: { files: out.avro }\n")
    done = trommel(tmp_path, "run", "pipeline.yaml", "--quiet")
    assert done.returncode == 0, done.stdout + done.stderr
    expected = read(tmp_path / "in.avro", fastavro.parse_schema(copy.deepcopy(reader)))
    assert read(tmp_path / "out.avro") == [schemas.as_written(reader, row) for row in expected]


def test_what_cannot_be_resolved_is_said(tmp_path):
    write(tmp_path / "in.avro", {"type": "record", "name": "r", "fields": [{"name": "a", "type": "string"}]}, [{"a": "x"}], 0)
    (tmp_path / "reader.avsc").write_text(json.dumps({"type": "record", "name": "r", "fields": [{"name": "a", "type": "int"}, {"name": "b", "type": "int"}]}))
    (tmp_path / "pipeline.yaml").write_text("sources:\n  in: { files: in.avro, contract: reader.avsc }\nsinks:\n  out: { files: out.avro }\n")
    done = trommel(tmp_path, "run", "pipeline.yaml", "--quiet")
    assert done.returncode == 1
    assert "`a`: string is no int; `b`: the writer has no such field, and it has no default" in done.stderr + done.stdout


def test_the_same_rows_make_the_same_file(tmp_path):
    (tmp_path / "in.csv").write_text("a,b\n" + "".join(f"{i},text {i}\n" for i in range(50_000)))
    for name in ("1.avro", "2.avro"):
        convert(tmp_path, "in.csv", name)
    assert (tmp_path / "1.avro").read_bytes() == (tmp_path / "2.avro").read_bytes()
    assert read(tmp_path / "1.avro") == [{"a": i, "b": f"text {i}"} for i in range(50_000)]
