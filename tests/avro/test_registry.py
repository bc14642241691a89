"""Avro in topics: plain, and with a schema registry. REGISTRY_URL names a real one; left out, a fake one in memory answers."""
import io
import json
import os
import struct
import subprocess
import urllib.error
import urllib.request
import uuid

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fake_registry import FakeRegistry

TROMMEL = os.environ["TROMMEL"]
BET = {"type": "record", "name": "bet", "namespace": "games", "fields": [
    {"name": "id", "type": "long"}, {"name": "player", "type": "string"}, {"name": "stake", "type": ["null", "double"], "default": None}]}
ROWS = [{"id": 1, "player": "ann", "stake": 2.5}, {"id": 2, "player": "bob", "stake": None}]


class RealRegistry:
    def __init__(self, url):
        self.url = url.rstrip("/")

    def stop(self):
        pass


@pytest.fixture
def registry():
    made = RealRegistry(os.environ["REGISTRY_URL"]) if os.environ.get("REGISTRY_URL") else FakeRegistry()
    yield made
    made.stop()


@pytest.fixture
def topic():
    return "bets-" + uuid.uuid4().hex[:8]


def newest(registry, subject):
    with urllib.request.urlopen(f"{registry.url}/subjects/{subject}/versions/latest") as answer:
        return json.load(answer)


def run(folder, text, *flags, verb="run"):
    (folder / "pipeline.yaml").write_text(text)
    return subprocess.run([TROMMEL, verb, "pipeline.yaml", *flags], cwd=folder, capture_output=True, text=True, timeout=120)


def produce(folder, topic, value, rows="id,player,stake\n1,ann,2.5\n2,bob,\n", contract="bet.avsc", expect=0):
    folder.mkdir(exist_ok=True)
    (folder / "bet.avsc").write_text(json.dumps(BET))
    (folder / "in.csv").write_text(rows)
    done = run(folder, f"name: produce\nsources:\n  in: {{ files: in.csv, contract: {contract} }}\nsinks:\n  out: {{ kafka: {{ topic: {topic}, {value} }} }}\n", "--quiet")
    assert done.returncode == expect, done.stdout + done.stderr
    return done


def consume(folder, topic, value, contract="contract: bet.avsc", more="", expect=0):
    done = run(folder, f"name: consume\n{more}sources:\n  bets: {{ kafka: {{ topics: {topic}, {value} }}{', ' + contract if contract else ''} }}\n"
               "sinks:\n  out: { files: { path: out.parquet, if_exists: replace } }\n", "--once", "--quiet")
    assert done.returncode == expect, done.stdout + done.stderr
    return pq.ParquetFile(folder / "out.parquet").read().to_pylist() if expect == 0 else done.stdout + done.stderr


def values(folder, topic):
    """The messages themselves, as another program sees them."""
    out = []
    for path in sorted((folder / ".trommel/topics" / topic).rglob("*")):
        if path.is_file() and "readers" not in path.parts:
            try:
                out += pa.ipc.open_stream(path).read_all()["value"].to_pylist()
            except (pa.ArrowInvalid, KeyError):
                pass
    return out


def test_plain_records(tmp_path, topic):
    produce(tmp_path, topic, "value: avro, schema: bet.avsc")
    schema = fastavro.parse_schema(BET)
    assert [fastavro.schemaless_reader(io.BytesIO(value), schema) for value in values(tmp_path, topic)] == ROWS
    assert consume(tmp_path, topic, "value: avro") == ROWS


def test_plain_records_need_a_schema(tmp_path, topic):
    produce(tmp_path, topic, "value: avro, schema: bet.avsc")
    done = consume(tmp_path, topic, "value: avro", contract="", expect=78)
    assert "`value: avro` needs a schema: the bytes alone do not say what they are" in done


def test_a_contract_in_yaml_casts(tmp_path, topic):
    produce(tmp_path, topic, "value: avro, schema: bet.avsc")
    rows = consume(tmp_path, topic, "value: avro, schema: bet.avsc", contract="contract: { player: text, id: text, stake: double }")
    assert rows == [{"player": row["player"], "id": str(row["id"]), "stake": row["stake"]} for row in ROWS]


def test_wire_format(tmp_path, topic, registry):
    produce(tmp_path, topic, f"value: avro, schema: bet.avsc, registry: {registry.url}")
    registered = newest(registry, topic + "-value")
    assert fastavro.parse_schema(json.loads(registered["schema"]))["fields"] == fastavro.parse_schema(BET)["fields"]
    for value, row in zip(values(tmp_path, topic), ROWS):
        assert struct.unpack(">bI", value[:5]) == (0, registered["id"])
        assert fastavro.schemaless_reader(io.BytesIO(value[5:]), fastavro.parse_schema(BET)) == row
    assert consume(tmp_path, topic, f"value: avro, registry: {registry.url}") == ROWS
    # Without a contract the newest schema says what the columns are.
    (tmp_path / ".trommel").rename(tmp_path / "before")
    (tmp_path / ".trommel").mkdir()
    (tmp_path / "before/topics").rename(tmp_path / ".trommel/topics")
    for reader in (tmp_path / ".trommel/topics").rglob("readers/*"):
        reader.unlink()
    assert consume(tmp_path, topic, f"value: avro, registry: {registry.url}, start: earliest", contract="") == ROWS


def test_subject_strategies(tmp_path, topic, registry):
    for strategy, subject in (("record", "games.bet"), ("topic_record", f"{topic}-games.bet")):
        produce(tmp_path, topic, f"value: avro, schema: bet.avsc, registry: {{ url: '{registry.url}', subject: {strategy} }}")
        assert newest(registry, subject)["id"]


def test_writers_of_two_schemas(tmp_path, topic, registry):
    value = f"value: avro, schema: bet.avsc, registry: {registry.url}"
    produce(tmp_path, topic, value)
    newer = {**BET, "fields": BET["fields"] + [{"name": "note", "type": ["null", "string"], "default": None}]}
    (tmp_path / "newer.avsc").write_text(json.dumps(newer))
    (tmp_path / "in2.csv").write_text("id,player,stake,note\n3,eve,1.5,late\n")
    done = run(tmp_path, f"name: produce2\nsources:\n  in: {{ files: in2.csv, contract: newer.avsc }}\nsinks:\n  out: {{ kafka: {{ topic: {topic}, value: avro, schema: newer.avsc, registry: '{registry.url}' }} }}\n", "--quiet")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = consume(tmp_path, topic, f"value: avro, registry: {registry.url}", contract="contract: newer.avsc")
    assert rows == [{**row, "note": None} for row in ROWS] + [{"id": 3, "player": "eve", "stake": 1.5, "note": "late"}]


@pytest.mark.parametrize("with_registry", [False, True])
def test_rows_are_the_contract_s_whatever_they_were_written_with(tmp_path, topic, registry, with_registry):
    value = f"value: avro, schema: bet.avsc{f', registry: {registry.url}' if with_registry else ''}"
    produce(tmp_path, topic, value)
    seen = {"type": "record", "name": "bet", "namespace": "games", "fields": [
        {"name": "player", "type": "string"}, {"name": "round", "type": "int", "default": 7}]}
    (tmp_path / "seen.avsc").write_text(json.dumps(seen))
    assert consume(tmp_path, topic, value, "contract: seen.avsc") == [{"player": row["player"], "round": 7} for row in ROWS]
    del seen["fields"][1]["default"]
    (tmp_path / "seen.avsc").write_text(json.dumps(seen))
    assert "round" in consume(tmp_path, topic, value, "contract: seen.avsc", expect=78)


def test_an_incompatible_schema_is_told_by_plan(tmp_path, topic, registry):
    produce(tmp_path, topic, f"value: avro, schema: bet.avsc, registry: {registry.url}")
    if isinstance(registry, RealRegistry):
        request = urllib.request.Request(f"{registry.url}/config/{topic}-value", b'{"compatibility":"BACKWARD"}', {"Content-Type": "application/json"}, method="PUT")
        urllib.request.urlopen(request).close()
    other = {**BET, "fields": BET["fields"] + [{"name": "must", "type": "long"}]}
    (tmp_path / "bet.avsc").write_text(json.dumps(other))
    (tmp_path / "in.csv").write_text("id,player,stake,must\n1,a,1,1\n")
    done = run(tmp_path, f"sources:\n  in: {{ files: in.csv, contract: bet.avsc }}\nsinks:\n  out: {{ kafka: {{ topic: {topic}, value: avro, schema: bet.avsc, registry: '{registry.url}' }} }}\n", verb="plan")
    assert done.returncode == 78, done.stdout + done.stderr
    assert f"the registry would not take the schema for `{topic}-value`" in done.stdout + done.stderr


def test_messages_that_are_none_are_rejects(tmp_path, topic, registry):
    (tmp_path / "raw.csv").write_text("body\nhello\nxy\n")
    done = run(tmp_path, f"sources:\n  in: {{ files: raw.csv, contract: {{ body: text }} }}\nsinks:\n  out: {{ kafka: {{ topic: {topic}, value: raw }} }}\n", "--quiet")
    assert done.returncode == 0, done.stderr
    produce(tmp_path, topic, f"value: avro, schema: bet.avsc, registry: {registry.url}")
    assert consume(tmp_path, topic, f"value: avro, registry: {registry.url}", more="max_rejects: 10\n") == ROWS
    rejects = [json.loads(line) for log in tmp_path.glob(".trommel/consume/rejects/*.jsonl") for line in log.read_text().splitlines()]
    assert {reject["reason"] for reject in rejects} == {"it does not begin with a 0 and the id of a schema"}


def said_while_waiting(folder, topic, value, words, meanwhile=lambda: None):
    """Runs until the words are said; what it said in all, and its exit code, once `meanwhile` has set it free or it was stopped."""
    (folder / "pipeline.yaml").write_text(f"name: consume\nretry: {{ for: 1m, pause: 100ms }}\nsources:\n  bets: {{ kafka: {{ topics: {topic}, {value} }}, contract: bet.avsc }}\n"
                                          "sinks:\n  out: { files: { path: out.parquet, if_exists: replace } }\n")
    with subprocess.Popen([TROMMEL, "run", "pipeline.yaml", "--once", "--quiet"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        said = ""
        for line in process.stdout:
            said += line
            if words in line:
                break
        if meanwhile() is None:
            process.terminate()
        said += process.stdout.read()
        return said, process.wait(timeout=60)


def test_strangers_are_told_and_no_password_is(tmp_path, topic):
    registry = FakeRegistry("loader", "hunter2")
    value = f"value: avro, schema: bet.avsc, registry: {{ url: '{registry.url}', user: loader, password: %s }}"
    produce(tmp_path, topic, value % "hunter2")
    said, _ = said_while_waiting(tmp_path, topic, value % "wrong4711", "the schema registry answers 401: who are you?")
    assert "the schema registry answers 401" in said and "wrong4711" not in said and "hunter2" not in said
    registry.stop()


def test_a_registry_that_is_away_is_waited_for(tmp_path, topic):
    registry = FakeRegistry()
    value = f"value: avro, schema: bet.avsc, registry: '{registry.url}'"
    produce(tmp_path, topic, value)
    registry.stop()
    said, code = said_while_waiting(tmp_path, topic, value, "the schema registry is away", registry.again)
    assert "the schema registry is away" in said and code == 0, said
    assert pq.ParquetFile(tmp_path / "out.parquet").read().to_pylist() == ROWS
    registry.stop()
