"""Tables of two real ClickHouses, of 2018 and of today: nothing lost, nothing doubled, whoever dies. What lies there is read by another client than ours."""
import collections
import datetime
import decimal
import os
import pathlib
import random
import shutil
import subprocess
import time

import pyarrow
import pyarrow.parquet
import pytest
from clickhouse import Clickhouse, OldClickhouse
from conftest import Job

CONTRACT = "{ id: BIGINT NOT NULL, name: VARCHAR, day: DATE NOT NULL }"
INTO = f"""name: into
commit: {{ every: 10ms }}
retry: {{ for: 60s, pause: 50ms }}
sources:
  drops: {{ files: {{ path: in/*.csv, watch: true, after: delete }}, contract: {CONTRACT} }}
sinks:
  table: {{ from: drops, store: "${{CLICKHOUSE}}", table: %s, order_by: id, partition_by: day, block_rows: 700 }}
"""
KINDS = {"current": Clickhouse, "old": OldClickhouse}


@pytest.fixture(scope="module", params=KINDS)
def server(request, tmp_path_factory):
    made = KINDS[request.param](tmp_path_factory.mktemp(request.param))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def job(server, tmp_path):
    made = Job(pathlib.Path(tmp_path) / "job", CLICKHOUSE=server.address)
    yield made
    made.stop()
    shutil.rmtree(made.folder, ignore_errors=True)


@pytest.fixture
def table(request, server):
    name = request.node.originalname
    for one in (name, "_trommel_epochs"):  # each job is called alike, and begins at epoch 1
        server.ask(f"DROP TABLE IF EXISTS {one}")
    return name


def rows(first, count):
    return [(str(i), f"n{i % 13}", f"2024-01-0{1 + i % 3}") for i in range(first, first + count)]


def drop(job, name, content):
    aside = job.folder / name
    aside.write_text("id,name,day\n" + "".join(",".join(row) + "\n" for row in content))
    aside.rename(job.folder / "in" / name)


def held(server, table):
    """Each row and how often it is there: a GROUP BY of the server's own."""
    if server.ask(f"EXISTS TABLE {table}") == "0\n":
        return collections.Counter()
    return collections.Counter({row[:3]: int(row[3]) for row in server.rows(f"SELECT id, name, day, count() FROM {table} GROUP BY id, name, day")})


def until_there(job, server, table, count):
    job.until(lambda: sum(held(server, table).values()) >= count, "all is written")


def test_promises_of_the_sink(tmp_path):
    servers = [kind(tmp_path / name) for name, kind in KINDS.items()]
    try:
        for one in servers:
            one.start()
        done = subprocess.run([pathlib.Path(os.environ["TROMMEL_BUILD"]) / "tests/connectors_clickhouse_test", "--gtest_filter=Engines/*:All/*"], capture_output=True, text=True,
                              env={**os.environ, "TROMMEL_CLICKHOUSE": " ".join(one.address for one in servers)}, timeout=180)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Engines/ClickhouseSink" in done.stdout  # those that one of them cannot be asked are named
    finally:
        for one in servers:
            one.stop()


def test_values_arrive_as_they_were(server, job, table):
    when = [datetime.datetime(1970, 1, 1, 0, 0, 1), datetime.datetime(2038, 1, 19, 3, 14, 8), None]
    if server.tokens:
        when[0] = datetime.datetime(1900, 1, 1, 0, 0, 0, 1)
        when[1] = datetime.datetime(2299, 12, 31, 23, 59, 59, 999999)
    days = [datetime.date(1900, 1, 1) if server.tokens else datetime.date(1970, 1, 2), datetime.date(2105, 12, 31), None]
    columns = {
        "tiny": pyarrow.array([-128, 127, None], pyarrow.int8()),
        "big": pyarrow.array([-2**63, 2**63 - 1, None], pyarrow.int64()),
        "huge": pyarrow.array([0, 2**64 - 1, None], pyarrow.uint64()),
        "real": pyarrow.array([-0.1, 1e308, None], pyarrow.float64()),
        "small": pyarrow.array([0.5, -3.25, None], pyarrow.float32()),
        "yes": pyarrow.array([True, False, None]),
        "text": pyarrow.array(["", "tab\tline\nquote'back\\\u00fc\U0001f600", None]),
        "bytes": pyarrow.array([b"\0\1", b"x" * 300, None], pyarrow.binary()),
        "day": pyarrow.array(days, pyarrow.date32()),
        "at": pyarrow.array(when, pyarrow.timestamp("us")),
        "price": pyarrow.array([decimal.Decimal("-1234567.89"), decimal.Decimal("0.01"), None], pyarrow.decimal128(9, 2)),
        "wide": pyarrow.array([decimal.Decimal("1" * 30 + ".123"), decimal.Decimal("-0.001"), None], pyarrow.decimal128(38, 3)),
        "list": pyarrow.array([[], ["a", None, "b"], ["c"]], pyarrow.list_(pyarrow.string())),
        "n": pyarrow.array([1, 2, 3], pyarrow.int32()),
    }
    (job.folder / "in").mkdir(exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.table(columns), job.folder / "in/a.parquet")
    job.pipeline(f"""name: into
sources: {{ drops: {{ files: in/a.parquet }} }}
sinks: {{ table: {{ from: drops, store: "${{CLICKHOUSE}}", table: {table} }} }}
""")
    job.once()
    shown = {name: [row[0] for row in server.rows(f"SELECT {sql} FROM {table} ORDER BY n")] for name, sql in
             {**{name: name for name in columns}, "text": "hex(text)", "bytes": "hex(bytes)", "at": "toString(at)", "list": "list"}.items()}
    NULL = "\\N"
    assert shown["tiny"] == ["-128", "127", NULL]
    assert shown["big"] == [str(-2**63), str(2**63 - 1), NULL]
    assert shown["huge"] == ["0", str(2**64 - 1), NULL]
    assert [float(x) for x in shown["real"][:2]] == [-0.1, 1e308] and shown["real"][2] == NULL
    assert [float(x) for x in shown["small"][:2]] == [0.5, -3.25] and shown["small"][2] == NULL
    assert shown["yes"] == (["true", "false", NULL] if server.tokens else ["1", "0", NULL])
    assert shown["text"] == [columns["text"][i].as_py().encode().hex().upper() for i in range(2)] + [NULL]
    assert shown["bytes"] == ["0001", "78" * 300, NULL]
    assert shown["day"] == [str(days[0]), "2105-12-31", NULL]
    assert shown["at"] == ([f"{x:%Y-%m-%d %H:%M:%S.%f}" for x in when[:2]] if server.tokens else [f"{x:%Y-%m-%d %H:%M:%S}" for x in when[:2]]) + [NULL]
    assert [decimal.Decimal(x) for x in shown["price"][:2]] == [decimal.Decimal("-1234567.89"), decimal.Decimal("0.01")]
    assert [decimal.Decimal(x) for x in shown["wide"][:2]] == [decimal.Decimal("1" * 30 + ".123"), decimal.Decimal("-0.001")]
    assert shown["list"] == ["[]", "['a',NULL,'b']", "['c']"]


def test_what_a_column_cannot_hold_is_a_reject(server, job, table):
    job.pipeline(f"""name: into
max_rejects: 10
sources: {{ drops: {{ files: in/*.csv, contract: {{ id: UUID, at: "TIMESTAMP WITH TIME ZONE", day: DATE }} }} }}
sinks: {{ table: {{ from: drops, store: "${{CLICKHOUSE}}", table: {table}, order_by: id }} }}
""")
    good = "00112233-4455-6677-8899-aabbccddeeff"
    lines = [f"{good},2024-02-29T12:00:00+01:00,2024-02-29", ",2024-02-29T12:00:00Z,2024-02-29", f"{good},2500-01-01T00:00:00Z,2024-02-29", f"{good},2024-02-29T12:00:00Z,1492-10-12",
             f"{good},2024-02-29T12:00:00.5Z,2024-02-29"]
    (job.folder / "in/a.csv").write_text("id,at,day\n" + "\n".join(lines) + "\n")
    job.once()
    found = server.rows(f"SELECT toString(id), toString(toUnixTimestamp(toDateTime(at))), toString(day) FROM {table} ORDER BY at")
    wanted = [(good, "1709204400", "2024-02-29"), (good, "1709208000", "2024-02-29")]
    assert found == (wanted if server.tokens else wanted[:1])  # DateTime has no half seconds
    rejects = subprocess.run([os.environ["TROMMEL"], "rejects", "list", "p.yaml"], cwd=job.folder, env=job.environment(), capture_output=True, text=True).stdout
    assert "key takes no NULL" in rejects and "2500-01-01" in rejects and "1492-10-12" in rejects


def test_the_table_is_as_planned(server, job, table):
    job.pipeline((INTO % table).replace("order_by: id", "order_by: [id, name], materialized: { month: toStartOfMonth(day) }, low_cardinality: name, settings: { index_granularity: 1024 }"))
    planned = subprocess.run([os.environ["TROMMEL"], "plan", "p.yaml"], cwd=job.folder, env=job.environment(), capture_output=True, text=True).stdout
    (ddl,) = [line.strip() for line in planned.splitlines() if line.strip().startswith("CREATE TABLE")]
    drop(job, "a.csv", rows(0, 10))
    job.once()
    made = server.rows(f"SELECT name, type, default_kind FROM system.columns WHERE database = 'default' AND table = '{table}'")
    assert made == [("id", "Int64", ""), ("name", "LowCardinality(String)" if server.tokens else "String", ""), ("day", "Date32" if server.tokens else "Date", ""),
                    ("month", "Date", "MATERIALIZED"), ("_trommel_epoch", "UInt64", "MATERIALIZED")]
    assert held(server, table) == collections.Counter(rows(0, 10))
    assert server.rows(f"SELECT DISTINCT month FROM {table}") == [("2024-01-01",)]
    # What the plan says is what a person could have sent.
    server.ask(f"DROP TABLE {table}")
    server.ask(ddl)
    drop(job, "b.csv", rows(10, 10))
    assert "the table is there (MergeTree), and its columns fit" in subprocess.run([os.environ["TROMMEL"], "plan", "p.yaml"], cwd=job.folder, env=job.environment(), capture_output=True, text=True).stdout
    job.once()
    assert held(server, table) == collections.Counter(rows(10, 10))


def test_a_table_of_somebody_else(server, job, table):
    server.ask(f"CREATE TABLE {table} (id Int64, name String, extra Int8 DEFAULT 7) ENGINE = MergeTree ORDER BY id")
    server.ask(f"INSERT INTO {table} (id, name) VALUES (1000, 'theirs')")
    job.pipeline(INTO % table)
    drop(job, "a.csv", rows(0, 500))
    said = job.once(code=78)
    assert "column `day`: the table has none of that name" in said
    job.pipeline((INTO % table).replace("order_by: id", "order_by: id, evolve: add"))
    job.once()
    assert server.rows(f"SELECT count(), countIf(extra = 7), countIf(day = '2024-01-02') FROM {table}") == [("501", "501", "167")]
    server.ask(f"INSERT INTO {table} (id, name) VALUES (1001, 'theirs')")  # as before
    server.ask(f"ALTER TABLE {table} MODIFY COLUMN name Nullable(String)")
    drop(job, "b.csv", [("501", "", "2024-01-01")])
    job.once()
    assert server.rows(f"SELECT name FROM {table} WHERE id = 501") == [("\\N",)]


@pytest.mark.parametrize("seed", range(2))
def test_our_process_is_killed(server, job, table, seed):
    chance = random.Random(seed)
    job.pipeline(INTO % table)
    sent = 0
    for _ in range(8):
        for _ in range(chance.randrange(1, 4)):
            count = chance.randrange(1, 2000)
            drop(job, f"{sent:08}.csv", rows(sent, count))
            sent += count
        job.start()
        time.sleep(chance.uniform(0.05, 0.35))
        job.kill()
    job.once()
    assert held(server, table) == collections.Counter(rows(0, sent)), job.said()
    assert server.ask("SELECT count() FROM system.tables WHERE name LIKE '\\_trommel\\_aside%'") == "0\n"
    assert "nothing new" in job.once()


@pytest.mark.parametrize("both", [False, True])
def test_the_server_is_killed(server, job, table, both):
    chance = random.Random(int(both))
    job.pipeline(INTO % table)
    job.start()
    sent = 0
    for _ in range(5):
        for _ in range(3):
            count = chance.randrange(1, 3000)
            drop(job, f"{sent:08}.csv", rows(sent, count))
            sent += count
        time.sleep(chance.uniform(0.0, 0.15))
        server.kill()
        if both:
            time.sleep(chance.uniform(0, 0.1))
            job.kill()
        server.start()
        if both:
            job.start()
        time.sleep(chance.uniform(0, 0.2))
    until_there(job, server, table, sent)
    job.end()
    assert held(server, table) == collections.Counter(rows(0, sent)), job.said()


def test_a_server_that_is_away_holds_nothing_up(server, job, table):
    job.pipeline(INTO % table)
    server.stop()
    try:
        drop(job, "a.csv", rows(0, 100))
        job.start()
        job.until(lambda: "trying again" in job.said(), "it says so")
        drop(job, "b.csv", rows(100, 100))
        job.until(lambda: not any((job.folder / "in").glob("*.csv")), "it reads on")
    finally:
        server.start()
    until_there(job, server, table, 200)
    assert "is there again" in job.end()
    assert held(server, table) == collections.Counter(rows(0, 200))


def test_a_table_that_goes_is_told_and_nothing_is_lost(server, job, table):
    job.pipeline((INTO % table).replace("for: 60s", "for: 500ms"))
    drop(job, "a.csv", rows(0, 100))
    job.start()
    until_there(job, server, table, 100)
    server.ask(f"RENAME TABLE {table} TO {table}_gone")
    drop(job, "b.csv", rows(100, 100))
    assert job.process.wait(30) == 1
    assert f"table {table}: the table is gone (restore it" in job.said() and "the rows are kept" in job.said()
    server.ask(f"RENAME TABLE {table}_gone TO {table}")
    server.ask(f"ALTER TABLE {table} DROP COLUMN name")
    said = job.once(code=78)
    assert "column `name`: the table has none of that name" in said
    server.ask(f"ALTER TABLE {table} ADD COLUMN name String AFTER id")
    job.once()
    assert held(server, table) == collections.Counter([(id, "", day) for id, _, day in rows(0, 100)] + rows(100, 100))


def test_who_asks_is_known_and_never_shown(server, tmp_path, table):
    password = "hunter2 %/?"
    guarded = type(server)(tmp_path / "guarded", user="sieve", password=password)
    guarded.start()
    try:
        job = Job(tmp_path / "job", CLICKHOUSE_PASSWORD=password)
        text = f"""name: into
sources: {{ drops: {{ files: in/*.csv, contract: {CONTRACT} }} }}
sinks: {{ table: {{ from: drops, store: w, table: {table}, order_by: id }} }}
stores: {{ w: {{ type: clickhouse, host: 127.0.0.1, port: {guarded.port}, user: sieve, password: "${{CLICKHOUSE_PASSWORD}}", database: default }} }}
"""
        job.pipeline(text)
        drop(job, "a.csv", rows(0, 10))
        said = job.once()
        assert held(guarded, table) == collections.Counter(rows(0, 10))
        drop(job, "b.csv", rows(10, 10))
        job.variables["CLICKHOUSE_PASSWORD"] = "hunter2 wrong"
        refused = job.once(code=1)
        assert "the server does not let us in" in refused
        for path in [path for path in job.folder.rglob("*") if path.is_file()]:
            assert b"hunter2" not in path.read_bytes(), path
        assert "hunter2" not in said + refused
    finally:
        guarded.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_the_disk_of_the_server_is_full(server, tmp_path, table):
    small = tmp_path / "disk"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", small], check=True)
    full = type(server)(small / "server")
    job = Job(tmp_path / "job", CLICKHOUSE=full.address)
    try:
        full.start()
        job.pipeline(INTO % table)
        drop(job, "a.csv", rows(0, 1000))
        job.start()
        until_there(job, full, table, 1000)
        free = shutil.disk_usage(small).free
        with open(small / "others", "wb") as others:  # all but what a handful of small parts takes
            others.write(b"x" * (free - 200_000))
        drop(job, "b.csv", rows(1000, 60_000))
        job.until(lambda: "trying again" in job.said(), "it says so")
        drop(job, "c.csv", rows(61_000, 1000))
        job.until(lambda: not any((job.folder / "in").glob("*.csv")), "it reads on")
        (small / "others").unlink()
        until_there(job, full, table, 62_000)
        job.end()
        assert held(full, table) == collections.Counter(rows(0, 62_000)), job.said()
    finally:
        job.stop()
        full.stop()
        subprocess.run(["umount", "--lazy", small], check=True)
