"""Topics of a real broker: nothing lost, nothing doubled, whoever dies. What lies there is read by other clients than ours."""
import collections
import json
import random
import subprocess
import time
import urllib.request

import duckdb
from confluent_kafka import Producer
from conftest import TROMMEL
from kafka import free_port

CONTRACT = "{ id: BIGINT NOT NULL, name: VARCHAR }"
INTO = f"""name: into
commit: {{ every: 10ms }}
sources:
  drops: {{ files: {{ path: in/*.csv, watch: true, after: delete }}, contract: {CONTRACT} }}
sinks:
  topic: {{ from: drops, kafka: {{ brokers: "${{KAFKA}}", topic: %s, value: json, key: id, headers: {{ who: name }} }} }}
"""
FROM = f"""name: from
max_rejects: 100
commit: {{ every: 10ms }}
sources:
  rows: {{ kafka: {{ brokers: "${{KAFKA}}", topics: %s, value: json }}, contract: {CONTRACT} }}
sinks:
  table: {{ from: rows, store: "duckdb:t.duckdb", table: t }}
"""


def rows(first, count):
    return [(i, f"n{i % 13}") for i in range(first, first + count)]


def drop(job, name, content):
    aside = job.folder / name
    aside.write_text("id,name\n" + "".join(f"{i},{n}\n" for i, n in content))
    aside.rename(job.folder / "in" / name)


def message(row):
    return json.dumps({"id": row[0], "name": row[1]})


def counted(messages):
    return collections.Counter((value["id"], value["name"]) for value in (json.loads(m.value()) for m in messages))


def table(job):
    path = job.folder / "t.duckdb"
    if not path.exists():
        return collections.Counter()
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            return collections.Counter(connection.execute("SELECT id, name FROM t").fetchall())
    except duckdb.Error:  # a commit is under way, or the table is not made yet
        return collections.Counter()


def rejects(job):
    return [json.loads(line) for log in sorted((job.folder / ".trommel/from/rejects").glob("epoch-*.jsonl")) for line in log.read_text().splitlines()]


def test_rows_become_messages(job, topics):
    topics.make("into")
    job.pipeline(INTO % "into")
    drop(job, "a.csv", rows(0, 1000))
    job.once()
    found = topics.read("into")
    assert counted(found) == collections.Counter(rows(0, 1000))
    for one in found:
        value = json.loads(one.value())
        assert one.key() == str(value["id"]).encode() and one.headers() == [("who", value["name"].encode())]
    assert topics.committed("trommel.into.topic", "into") == 1  # the epoch
    assert "nothing new" in job.once()
    drop(job, "b.csv", rows(1000, 10))
    job.once()
    assert counted(topics.read("into")) == collections.Counter(rows(0, 1010))


def test_messages_become_rows_and_bad_ones_rejects(job, topics):
    topics.make("from", partitions=3)
    good = rows(0, 5000)
    topics.send("from", [message(row) for row in good] + ["{", None, '{"id": "x"}'])
    job.pipeline(FROM % "from")
    job.once()
    assert table(job) == collections.Counter(good)
    bad = {(reject["code"], reject.get("raw")) for reject in rejects(job)}
    assert bad == {("json", "{"), ("empty", None), ("cast", '{"id": "x"}')}
    places = {(m.partition(), m.offset()) for m in topics.read("from") if m.value() in (b"{", None, b'{"id": "x"}')}
    assert {(int(reject["split"].split("/")[1]), reject["position"]) for reject in rejects(job)} == places
    # A second run goes on where the first one was.
    topics.send("from", [message(row) for row in rows(5000, 10)])
    job.once()
    assert table(job) == collections.Counter(rows(0, 5010))
    assert "nothing new" in job.once()


def test_new_partitions_and_topics_join(job, topics):
    topics.make("join-a", partitions=1)
    topics.send("join-a", [message(row) for row in rows(0, 10)])
    job.pipeline(FROM % '"^join-.*"')
    job.start()
    job.until(lambda: len(table(job)) == 10, "the first topic is read")
    topics.widen("join-a", 2)
    topics.make("join-b", partitions=1)
    topics.send("join-a", [message(row) for row in rows(10, 10)], partition=1)
    topics.send("join-b", [message(row) for row in rows(20, 10)])
    job.until(lambda: len(table(job)) == 30, "what came later is read")
    job.end()
    assert table(job) == collections.Counter(rows(0, 30))


def test_aborted_messages_are_not_read(job, topics):
    from confluent_kafka import Producer

    topics.make("aborts", partitions=1)
    producer = Producer({**topics.quiet, "transactional.id": "other"})
    producer.init_transactions(30)
    for part in range(6):
        producer.begin_transaction()
        for row in rows(part * 100, 100):
            producer.produce("aborts", message(row))
        producer.commit_transaction(30) if part % 2 == 0 else producer.abort_transaction(30)
    job.pipeline(FROM % "aborts")
    job.once()
    assert table(job) == collections.Counter(row for part in (0, 2, 4) for row in rows(part * 100, 100))


def test_a_broker_that_is_away_is_waited_for(job, topics, kafka):
    topics.make("away", partitions=2)
    topics.send("away", [message(row) for row in rows(0, 100)])
    job.pipeline(FROM % "away")
    job.start()
    job.until(lambda: len(table(job)) == 100, "the first rows are read")
    kafka.kill()
    job.until(lambda: "trying again" in job.said(), "it says that nobody answers")
    kafka.start()
    topics.send("away", [message(row) for row in rows(100, 100)])
    job.until(lambda: len(table(job)) == 200, "reading goes on")
    assert "is there again" in job.end()
    assert table(job) == collections.Counter(rows(0, 200))


def test_a_table_and_a_topic_survive_killing(job, topics, kafka):
    """Files into a topic and out of it into a table, in one process: it and the broker die in turns."""
    topics.make("killed", partitions=3)
    into, out = INTO % "killed", (FROM % "killed")
    source = next(line for line in out.splitlines() if line.startswith("  rows:"))
    sink = next(line for line in out.splitlines() if line.startswith("  table:"))
    both = into.replace("sinks:", f"{source}\nsinks:") + sink + "\nretry: { for: 10m }\n"
    job.pipeline(both)
    draw = random.Random(7)
    sent = 0
    for turn in range(8):
        for _ in range(3):
            drop(job, f"f{sent}.csv", rows(sent, 2000))
            sent += 2000
        job.start()
        try:
            job.process.wait(draw.uniform(0.3, 2.5))
            raise AssertionError(job.said())
        except subprocess.TimeoutExpired:
            pass
        if turn % 3 == 2:
            kafka.kill()
            kafka.start()
        job.kill()
    said = job.once()
    assert counted(topics.read("killed")) == collections.Counter(rows(0, sent)), said
    assert table(job) == collections.Counter(rows(0, sent)), said
    assert "nothing new" in job.once()


def test_a_topic_made_anew_is_told_and_not_read(job, topics):
    topics.make("anew", partitions=1)
    topics.send("anew", [message(row) for row in rows(0, 10)])
    job.pipeline(FROM % "anew")
    job.once()
    topics.delete("anew")
    topics.make("anew", partitions=1)
    topics.send("anew", [message(row) for row in rows(100, 5)])
    job.start()
    job.until(lambda: "it was made anew" in job.said(), "it says so")
    job.end()
    assert table(job) == collections.Counter(rows(0, 10))


def test_messages_removed_before_they_were_read_are_counted(job, topics):
    from confluent_kafka import TopicPartition

    topics.make("removed", partitions=1)
    topics.send("removed", [message(row) for row in rows(0, 10)])
    job.pipeline(FROM % "removed")
    job.once()
    topics.send("removed", [message(row) for row in rows(10, 20)])
    topics.wait(topics.admin.delete_records([TopicPartition("removed", 0, 15)]))
    assert "5 messages from offset 10 on were removed before they were read" in job.once()
    assert table(job) == collections.Counter(rows(0, 10) + rows(15, 15))


def test_partitions_by_column_and_without_transactions(job, topics):
    topics.make("plain", partitions=4)
    job.pipeline((INTO % "plain").replace("headers: { who: name }", "guarantee: at_least_once, partition: id, compression: lz4")
                 + "retry: { for: 1s }\n")
    drop(job, "a.csv", [(i % 4, f"n{i}") for i in range(400)])
    job.once()
    found = topics.read("plain")
    assert len(found) == 400
    assert all(json.loads(one.value())["id"] == one.partition() for one in found)
    assert "nothing new" in job.once()
    # A partition that is not there refuses the epoch; its rows are kept.
    drop(job, "b.csv", [(9, "nowhere")])
    assert "the rows are kept" in job.once(code=1)


def test_what_cannot_be_read_goes_to_a_dead_letter_topic_once(job, topics, kafka):
    topics.make("letters", partitions=2)
    topics.make("letters-dead", partitions=1)
    job.pipeline((FROM % "letters").replace("value: json", "value: json, dead_letter_topic: letters-dead"))
    wrong = {"a": b"{", "b": None, "c": b'{"id": "x"}', None: b"\xff\x00"}
    producer = Producer(topics.quiet)
    for key, value in wrong.items():
        producer.produce("letters", value, key=key, headers=[("trace", b"\x01\x00"), ("none", None)] if key == "a" else None)
    assert producer.flush(30) == 0
    topics.send("letters", [message(row) for row in rows(0, 100)])
    job.once()
    assert table(job) == collections.Counter(rows(0, 100))

    def letters():
        return topics.read("letters-dead")
    came = {(m.topic(), m.partition(), m.offset()): m for m in topics.read("letters")}
    assert {letter.key() and letter.key().decode(): letter.value() for letter in letters()} == wrong
    logged = {(reject["split"], reject["position"]): reject for reject in rejects(job)}
    for letter in letters():
        headers = dict(letter.headers())
        place = headers["trommel.topic"].decode(), int(headers["trommel.partition"]), int(headers["trommel.offset"])
        first = came[place]
        assert (first.key(), first.value()) == (letter.key(), letter.value())
        assert letter.headers()[:len(first.headers() or [])] == (first.headers() or [])
        reject = logged[f"{place[0]}/{place[1]}", place[2]]
        assert headers["trommel.reason"].decode() == reject["reason"] and headers["trommel.code"].decode() == reject["code"]
        assert headers["trommel.pipeline"] == b"from" and headers["trommel.source"] == b"rows"
    # Killed again and again: each once, beside its reject.
    random.seed(7)
    job.pipeline((FROM % "letters").replace("value: json", "value: json, dead_letter_topic: letters-dead").replace("max_rejects: 100", "max_rejects: 2000"))
    topics.send("letters", [f"wrong {i}" if i % 3 == 0 else message((100 + i, "n")) for i in range(3000)])
    for _ in range(6):
        job.start()
        time.sleep(random.uniform(0.1, 1.5))
        job.kill()
    job.once()
    assert sum(table(job).values()) == 2100
    assert collections.Counter(m.value() for m in letters() if m.value() and m.value().startswith(b"wrong")) == collections.Counter(f"wrong {i}".encode() for i in range(0, 3000, 3))
    assert len(rejects(job)) == 1004
    # A replay that is refused again is no second letter.
    before = len(letters())
    subprocess.run([TROMMEL, "rejects", "replay", "p.yaml"], cwd=job.folder, env=job.environment(), capture_output=True, timeout=120)
    assert len(letters()) == before


def test_a_run_that_is_refused_sends_no_letter(job, topics):
    topics.make("strict", partitions=1)
    topics.make("strict-dead", partitions=1)
    topics.send("strict", ["{"] * 5 + [message(row) for row in rows(0, 10)])
    job.pipeline((FROM % "strict").replace("value: json", "value: json, dead_letter_topic: strict-dead").replace("max_rejects: 100", "max_rejects: 4"))
    job.once(code=1)
    assert topics.read("strict-dead", committed=False) == []


def test_a_message_that_no_broker_would_take_costs_one_row(job, topics):
    topics.make("large", partitions=1)
    job.pipeline((INTO % "large").replace("name: into", "name: into\nmax_rejects: 1"))
    drop(job, "a.csv", rows(0, 10) + [(10, "x" * 1_100_000)] + rows(11, 10))
    job.once()
    assert counted(topics.read("large")) == collections.Counter(rows(0, 10) + rows(11, 10))
    (log,) = (job.folder / ".trommel/into/rejects").glob("epoch-*.jsonl")
    (reject,) = [json.loads(line) for line in log.read_text().splitlines()]
    assert reject["code"] == "too_large" and reject["stage"] == "topic"


def test_lag_is_shown(job, topics):
    topics.make("lag", partitions=2)
    text = (FROM % "lag").replace("t.duckdb", "${STORE}/t.duckdb") + 'server: { listen: "127.0.0.1:%d" }\n' % free_port()
    port = int(text.rsplit(":", 1)[1].split('"')[0])
    job.pipeline(text)
    job.variables["STORE"] = "."

    def metric(name):
        page = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
        return {line.split('partition="')[1].split('"')[0]: float(line.split()[-1]) for line in page.splitlines() if line.startswith(name + "{")}

    def status():
        return subprocess.run([TROMMEL, "status", "p.yaml"], cwd=job.folder, env=job.environment(), capture_output=True, text=True, check=True).stdout
    topics.send("lag", [message(row) for row in rows(0, 50)], partition=0)
    job.start()
    job.until(lambda: len(table(job)) == 50, "what is there is read")
    job.until(lambda: metric("trommel_lag_rows") == {"lag/0": 0, "lag/1": 0}, "nothing is behind")
    # The table's file is held by somebody else: its rows wait, and so do the messages.
    with duckdb.connect(str(job.folder / "t.duckdb")):
        topics.send("lag", [message(row) for row in rows(50, 20)], partition=1)
        job.until(lambda: metric("trommel_lag_rows") == {"lag/0": 0, "lag/1": 20}, "messages are behind")
        job.until(lambda: metric("trommel_lag_seconds")["lag/1"] > 0.5, "their age is known")
        assert metric("trommel_lag_seconds")["lag/0"] == 0
        job.until(lambda: "lag/1: 20 rows, the oldest of " in status(), "status says so")
    job.until(lambda: metric("trommel_lag_rows") == {"lag/0": 0, "lag/1": 0}, "nothing is behind any more")
    job.end()
    assert table(job) == collections.Counter(rows(0, 70))
