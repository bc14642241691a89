"""What the outside does to a run in its middle, short of killing it: each has a stated outcome, and the next run is right."""
import os
import shutil
import signal
import subprocess
import time

import duckdb
import pytest
from hammer import nothing_left, same_rows
from trip import TROMMEL

ROWS = 1_500_000
EXPECTED = f"SELECT i AS id, i % 5 AS part, md5(i::VARCHAR) AS text FROM range({ROWS}) r(i)"
PIPELINE = """name: job
retry: {{ for: 300ms }}
sources:
  big: {{ files: {{ path: in/*.csv }}, contract: {{ id: BIGINT NOT NULL, part: BIGINT, text: VARCHAR }} }}
sinks:
  lake:  {{ from: big, files: {{ path: lake/, partition_by: [part] }} }}
  table: {{ from: big, store: "duckdb:{store}t.duckdb", table: t }}
"""


@pytest.fixture
def job(tmp_path):
    (tmp_path / "p.yaml").write_text(PIPELINE.format(store=""))
    (tmp_path / "in").mkdir()
    duckdb.execute(f"COPY ({EXPECTED}) TO '{tmp_path}/in/big.csv' (HEADER)")
    return tmp_path


def start(folder, *more):
    return subprocess.Popen([TROMMEL, "run", "p.yaml", "--lanes", "1", *more], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True)


def stopped_in_its_middle(folder, *more):
    """A run that has read some of its input, and stands still until it gets SIGCONT."""
    process = start(folder, *more)
    size = (folder / "in/big.csv").stat().st_size
    while process.poll() is None:
        with open(f"/proc/{process.pid}/io") as io:
            read = int(io.readline().split()[1])
        if read > 5_000_000 + size // 3:  # libraries and the first look come first
            break
    assert process.poll() is None, process.communicate()[0]
    process.send_signal(signal.SIGSTOP)
    return process


def go_on(process):
    process.send_signal(signal.SIGCONT)
    said, _ = process.communicate(timeout=120)
    return process.returncode, said


def is_right(folder, expected=EXPECTED, store=""):
    process = start(folder)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{folder}/{store}t.duckdb' AS store (READ_ONLY)")
        lake = f"SELECT id, part, text FROM read_parquet('{folder}/lake/*/*.parquet', hive_partitioning = true)"
        same_rows(connection, expected, {"lake": lake, "table": "FROM store.t"})
    nothing_left(folder, {"in/big.csv", "p.yaml", f"{store}t.duckdb"}, ("lake/part=",), ".trommel/job")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_end_once_it_ends_cleanly(job, how):
    process = stopped_in_its_middle(job)
    process.send_signal(how)
    code, said = go_on(process)
    assert code == 1 and "nothing was published" in said, said
    assert not (job / "lake").exists() or list((job / "lake").rglob("*.parquet")) == []
    is_right(job)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_asked_twice_it_ends_at_once(job, how):
    process = stopped_in_its_middle(job)
    process.send_signal(how)
    process.send_signal(signal.SIGCONT)
    while process.poll() is None:
        process.send_signal(how)
        time.sleep(0.001)
    assert process.returncode in (-how, 1, 128 + how), process.communicate()[0]
    process.communicate()
    is_right(job)


def test_a_file_that_is_cut_short_while_it_is_read(job):
    """Nobody knows which of its rows were meant: nothing is published. The next run takes it as it is then."""
    process = stopped_in_its_middle(job)
    path = job / "in/big.csv"
    lines = path.read_text().splitlines(keepends=True)
    os.truncate(path, sum(map(len, lines[:1001])))
    code, said = go_on(process)
    assert code == 1 and "big.csv" in said and "changed while it was read" in said, said
    is_right(job, f"FROM ({EXPECTED}) WHERE id < 1000")


def test_a_file_that_grows_while_it_is_read(job):
    process = stopped_in_its_middle(job)
    with open(job / "in/big.csv", "a") as file:
        file.write(f"{ROWS},0,more\n")
    code, said = go_on(process)
    assert code == 1 and "changed while it was read" in said, said
    is_right(job, f"{EXPECTED} UNION ALL SELECT {ROWS}, 0, 'more'")


def test_a_store_that_becomes_read_only(job):
    (job / "store").mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("no file system can be mounted here (that takes root)")
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", job / "store"], capture_output=True).returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        (job / "p.yaml").write_text(PIPELINE.format(store="store/"))
        process = stopped_in_its_middle(job)
        subprocess.run(["mount", "-o", "remount,ro", job / "store"], check=True)
        code, said = go_on(process)
        assert code == 1 and "the rows are kept, the next run writes them" in said, said
        subprocess.run(["mount", "-o", "remount,rw", job / "store"], check=True)
        is_right(job, store="store/")
    finally:
        subprocess.run(["umount", job / "store"], check=True)


def test_a_file_that_a_waiting_epoch_has_replaced_again(tmp_path):
    """Two epochs wait for a store; each has put a file of the same name in place. After a kill the first finds the second's."""
    (tmp_path / "p.yaml").write_text("""name: job
commit: { every: 0s }
sources:
  drops: { files: { path: in/*.csv, watch: true, after: delete }, contract: { id: BIGINT NOT NULL, word: VARCHAR } }
sinks:
  lake:  { from: drops, files: { path: "out/{source_stem}.csv", if_exists: replace } }
  table: { from: drops, store: "duckdb:away/t.duckdb", table: t }
""")
    (tmp_path / "in").mkdir()
    (tmp_path / "away").touch()
    process = subprocess.Popen([TROMMEL, "run", "p.yaml"], cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    texts = ["id,word\n1,a\n", "id,word\n2,longer\n3,c\n", "id,word\n4,d\n"]
    for text in texts:
        (tmp_path / ".a").write_text(text)
        (tmp_path / ".a").rename(tmp_path / "in/a.csv")
        end = time.monotonic() + 60
        while not (tmp_path / "out/a.csv").exists() or (tmp_path / "out/a.csv").read_text() != text:
            assert time.monotonic() < end and process.poll() is None
            time.sleep(0.02)
    process.kill()
    process.wait()
    (tmp_path / "away").unlink()
    (tmp_path / "away").mkdir()
    done = subprocess.run([TROMMEL, "run", "p.yaml", "--once"], cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "out/a.csv").read_text() == texts[-1]
    with duckdb.connect(str(tmp_path / "away/t.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT id FROM t ORDER BY id").fetchall() == [(1,), (2,), (3,), (4,)]
    nothing_left(tmp_path, {"p.yaml", "away/t.duckdb", "out/a.csv"}, (), ".trommel/job")
