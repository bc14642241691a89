"""examples/game_rounds, the file as it stands, on servers: upload, Avro with a registry, topic, table, hourly view, API. Each engine lives through one life of faults; after each of
them every acknowledged row is in the table once, and the view is what a GROUP BY makes of the table."""
import contextlib
import importlib.machinery
import importlib.util
import io
import json
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import threading
import time
import urllib.error
import urllib.request

import duckdb
import fastavro
import pytest
from clickhouse import Clickhouse, OldClickhouse, ServerError
from conftest import Topics
from kafka import Kafka, free_port

ROOT = pathlib.Path(os.environ["TROMMEL_SOURCE"])
TROMMEL = os.environ["TROMMEL"]
EXAMPLE = ROOT / "examples/game_rounds"
SUMS = ["real_amount_bet", "bonus_amount_bet", "real_amount_win", "bonus_amount_win"]
FACTS = "count(*), count(DISTINCT game_instance_id), sum(game_instance_id), " + ", ".join(f"sum({name})" for name in SUMS) + ", min(created_timestamp), max(user_id)"
VIEW = "hourly_aggregated_game_rounds"


def load_generate():
    loader = importlib.machinery.SourceFileLoader("generate", str(EXAMPLE / "generate"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("generate", loader))
    loader.exec_module(module)
    return module


GENERATE = load_generate()


class Registry:
    def __init__(self, folder):
        self.folder, self.port = folder, free_port()

    def start(self):
        done = subprocess.run([ROOT / "tests/servers/schema_registry", "start", self.folder, str(self.port)], stdout=subprocess.PIPE, text=True, check=True)
        self.url = done.stdout.strip()

    def stop(self):
        subprocess.run([ROOT / "tests/servers/schema_registry", "stop", self.folder], check=True)


class World:
    """The servers, a folder with the example, and a client that uploads until it hears that its rows are safe."""

    def __init__(self, folder, store):
        self.folder = folder / "example"
        self.folder.mkdir()
        for name in ("pipeline.yaml", "game_round.avsc"):
            shutil.copy(EXAMPLE / name, self.folder)
        self.kafka, self.store, self.registry = Kafka(folder / "kafka"), store, Registry(folder / "registry")
        self.port = free_port()
        self.process = None
        self.wanted, self.starting = False, threading.RLock()
        self.uploads = 0
        self.draw = random.Random(7)

    def begin(self):
        for server in (self.kafka, self.store, self.registry):
            server.start()
        Topics(self.kafka).make("staging-bets", 2)
        self.start()

    def end(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for server in (self.kafka, self.store, self.registry):
            server.stop()

    def start(self):
        environment = {**os.environ, "KAFKA": self.kafka.address, "REGISTRY": self.registry.url, "WAREHOUSE": self.store.address, "LISTEN": f"127.0.0.1:{self.port}"}
        with self.starting, open(self.folder / "run.log", "ab") as log:
            self.wanted = True
            self.process = subprocess.Popen([TROMMEL, "run", "pipeline.yaml"], cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def kill(self):
        with self.starting:
            self.wanted = False
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def start_again(self):
        """As a service manager does: a run that begins while its store is away ends with an error."""
        with self.starting:
            if self.wanted and self.process.poll() == 1:
                self.start()

    def said(self):
        return (self.folder / "run.log").read_text()[-4000:]

    def until(self, what, why, seconds=60):
        deadline = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < deadline, f"{why}\n{self.said()}"
            self.start_again()
            time.sleep(0.05)

    def get(self, path, **headers):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer), answer.headers

    def file(self, rows, bad=0):
        """Rounds that no other file has."""
        self.uploads += 1
        path = self.folder / f"rounds-{self.uploads}.csv"
        with open(path, "w") as out:
            out.write(",".join(GENERATE.COLUMNS) + "\n")
            for row in GENERATE.rows(rows, self.uploads, 3, bad):
                out.write(",".join(map(str, (row[0], row[1] + 10_000_000 * self.uploads, *row[2:]))) + "\n")
        return path

    def send(self, path, key=None):
        boundary = "a-boundary"
        body = f'--{boundary}\r\nContent-Disposition: form-data; name="csv_file"; filename="{path.name}"\r\n\r\n'.encode() + path.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", **({"Idempotency-Key": key} if key else {})}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/csv_upload", data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer), answer.headers

    def send_until_answered(self, path):
        """As a client does that must know: the same key until there is an answer."""
        deadline = time.monotonic() + 60
        while True:
            try:
                return self.send(path, key=path.name)[0]
            except urllib.error.HTTPError as error:
                assert error.code in (409, 503), (error.code, error.read())
            except OSError:
                self.start_again()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.1)

    def count(self):
        try:
            return int(self.store.ask("SELECT count() FROM game_rounds"))
        except Exception:  # away, or there is no table yet
            return -1

    def compare(self):
        """What is in the table and in the view against the files, by another program each."""
        files = [str(path) for path in self.folder.glob("rounds-*.csv")]
        wanted = duckdb.sql(f"""SELECT {FACTS} FROM read_csv({files}, types = {{'created_timestamp': 'VARCHAR', 'game_id': 'VARCHAR'}}) WHERE game_id <> 'unknown'""").fetchone()
        self.until(lambda: self.count() >= wanted[0], f"{wanted[0]} rows in the table, not {self.count()}")
        assert [plain(str(value)) for value in wanted] == [plain(value) for value in self.store.rows(f"SELECT {FACTS} FROM game_rounds")[0]]
        self.compare_view()

    def compare_view(self):
        hour = "toUInt32(toStartOfHour(parseDateTimeBestEffortOrNull(created_timestamp, 'UTC')))"
        again = self.store.rows(f"""SELECT {hour} AS h, game_id, user_id, {', '.join(f'sum({name})' for name in SUMS)}, max(game_name), max(provider)
            FROM game_rounds GROUP BY h, game_id, user_id ORDER BY h, game_id, user_id""")
        kept = f"SELECT toUInt32(toDateTime(created_hour)) AS h, game_id, user_id, {', '.join(f'total_{name}' for name in SUMS)}, game_name, provider FROM {VIEW} ORDER BY h, game_id, user_id"
        def same():
            with contextlib.suppress(ServerError):  # it is made with the first epoch
                return self.store.rows(kept) == again
        self.until(same, "the view is not what its SELECT makes", 30)


def plain(text):
    """A number where it is one, however it is written."""
    with contextlib.suppress(ValueError):
        return float(text)
    return text


@pytest.fixture(scope="module", params=[Clickhouse, OldClickhouse], ids=["current", "18.16"])
def world(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    made = World(folder, request.param(folder / "clickhouse"))
    try:
        made.begin()
        yield made
    finally:
        made.end()
        shutil.rmtree(folder, ignore_errors=True)


def test_the_whole_way(world):
    world.until(lambda: ready(world), "the server")
    assert world.get("/aggregated_game_rounds")[0]["total_results"] == 0  # nothing was ever committed
    first = world.file(20_000, bad=5)
    answer, _ = world.send(first, key="one")
    assert (answer["read"], answer["rejected"], len(answer["bad_rows"])) == (20_000, 5, 5)
    again, headers = world.send(first, key="one")
    assert again == answer and headers["Idempotent-Replayed"] == "true"
    world.compare()

    everything = duckdb.sql(f"""SELECT strftime(date_trunc('hour', created_timestamp), '%Y-%m-%dT%H:%M:%S') AS h, game_id::INT AS game, user_id, {', '.join(f'sum({name})' for name in SUMS)}, max(game_name),
        max(provider) FROM read_csv('{first}', types = {{'created_timestamp': 'TIMESTAMP', 'game_id': 'VARCHAR'}}) WHERE game_id <> 'unknown' GROUP BY ALL ORDER BY h, game, user_id""").fetchall()
    page, headers = world.get("/aggregated_game_rounds?page_num=3&page_size=7")
    assert page["total_results"] == len(everything)
    assert [(row["created_hour"].removesuffix("Z"), *list(row.values())[1:]) for row in page["data"]] == everything[14:21]
    assert "page_num=4" in page["pagination"]["next"] and "page_num=2" in page["pagination"]["previous"]
    assert not world.store.tokens or "rows_read=" in headers["Server-Timing"]
    day, _ = world.get("/aggregated_game_rounds?game_id=3&start_date=2026-01-02&end_date=2026-01-02&page_size=1000")
    assert day["total_results"] == len([row for row in everything if row[1] == 3 and row[0].startswith("2026-01-02")])
    quoted, _ = world.get("/aggregated_game_rounds?player_id=%27%20OR%201%3D1%20--%5C")
    assert quoted["total_results"] == 0
    walked, path = [], "/aggregated_game_rounds?cursor=&page_size=1000"
    while path:
        answer, _ = world.get(path)
        walked += [(row["created_hour"].removesuffix("Z"), *list(row.values())[1:]) for row in answer["data"]]
        path = answer["pagination"]["next"]
    assert walked == everything
    tag = world.get("/aggregated_game_rounds?page_size=1")[1]["ETag"]
    with pytest.raises(urllib.error.HTTPError, match="304"):
        world.get("/aggregated_game_rounds?page_size=1", **{"If-None-Match": tag})


def test_messages_are_avro_of_the_registry(world):
    messages = Topics(world.kafka).read("staging-bets")
    assert len(messages) == 19_995
    magic, number = struct.unpack(">bI", messages[0].value()[:5])
    with urllib.request.urlopen(f"{world.registry.url}/schemas/ids/{number}") as answer:
        schema = fastavro.parse_schema(json.loads(json.load(answer)["schema"]))
    record = fastavro.schemaless_reader(io.BytesIO(messages[0].value()[5:]), schema, None)
    assert magic == 0 and list(record) == list(GENERATE.COLUMNS) and messages[0].key().decode() == record["user_id"]


def ready(world):
    with contextlib.suppress(OSError):
        return urllib.request.urlopen(f"http://127.0.0.1:{world.port}/ready", timeout=5).status == 200
    return False


VICTIMS = ["broker", "store", "us", "us and the store", "store once the table has rows", "us once the table has rows"]
KILLS = int(os.environ.get("KILLS", 0))  # of all engines together


def kill_in_the_middle(world, who, rows):
    path, before = world.file(rows), world.count()
    answers = []
    client = threading.Thread(target=lambda: answers.append(world.send_until_answered(path)))
    client.start()
    if "once" in who:  # between the table and the view, if it is quick
        world.until(lambda: world.count() > before, "rows in the table")
    else:
        time.sleep(world.draw.uniform(0.05, 0.6))
    if "us" in who.split():
        world.kill()
    if "store" in who.split():
        world.store.kill()
    if "broker" in who.split():
        world.kafka.kill()
    time.sleep(0.3)
    if "store" in who.split():
        world.store.start()
    if "broker" in who.split():
        world.kafka.start()
    if "us" in who.split():
        world.start()
    client.join(90)
    assert answers and answers[0]["read"] == rows, world.said()


@pytest.mark.parametrize("who", VICTIMS)
def test_killed_in_the_middle(world, who):
    kill_in_the_middle(world, who, 15_000)
    world.compare()
    assert world.process.poll() is None, world.said()


@pytest.mark.skipif(not KILLS, reason="a long test: KILLS=500")
def test_killed_over_and_over(world):
    """As they come, and not waiting for the table: the next upload meets what the last kill has left."""
    for i in range(KILLS // 2):
        who = world.draw.choice([*VICTIMS, "us and the broker", "us and the store and the broker"])
        kill_in_the_middle(world, who, 2_000)
        if i % 25 == 24:
            world.compare()
            print(f"{i + 1} kills, {world.count()} rows, each once, the view as its SELECT makes it", flush=True)
    world.compare()
    assert world.process.poll() is None, world.said()


def test_a_registry_that_is_away_holds_nothing_up_that_is_known(world):
    assert world.send_until_answered(world.file(1_000))["read"] == 1_000
    world.compare()  # the run has asked for its schemas
    world.registry.stop()
    try:
        assert world.send_until_answered(world.file(1_000))["read"] == 1_000
        world.compare()
    finally:
        world.registry.start()


def test_a_table_that_was_dropped_is_told_and_made_by_the_next_run(world):
    world.store.ask("DROP TABLE game_rounds")
    last = world.file(2_000)
    assert world.send_until_answered(last)["read"] == 2_000  # safe in the topic
    world.until(lambda: "is gone" in world.said(), "word of the table")
    world.kill()
    world.start()
    world.until(lambda: world.count() == 2_000, "the rows that came after it")
    for path in world.folder.glob("rounds-*.csv"):
        if path != last:
            path.unlink()
    world.compare()


def test_questions_and_views_hold_on_the_engine(world):
    binary = pathlib.Path(os.environ["TROMMEL_BUILD"]) / "tests/connectors_clickhouse_test"
    done = subprocess.run([binary, "--gtest_filter=Clickhouse/*"], env={**os.environ, "TROMMEL_CLICKHOUSE": world.store.address}, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0 and "[  PASSED  ]" in done.stdout, done.stdout[-4000:]
