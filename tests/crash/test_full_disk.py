"""A disk that fills up, a real one: a file system of one megabyte under the state folder, the files or the store. The run says so and ends with 1, keeps its
inputs, and once there is room the next one brings everything, once."""
import os
import shutil
import subprocess

import duckdb
import pytest
from hammer import nothing_left, same_rows
from trip import TROMMEL

ROWS = 100_000
EXPECTED = f"SELECT i AS id, i % 5 AS part, md5(i::VARCHAR) AS text FROM range({ROWS}) r(i)"
PIPELINE = """name: job
retry: {{ for: 0s }}
state: {state}/job
sources:
  big: {{ files: {{ path: in/*.csv, {source} }}, contract: {{ id: BIGINT NOT NULL, part: BIGINT, text: VARCHAR }} }}
sinks:
  lake:  {{ from: big, files: {{ path: {lake}/, partition_by: [part] }} }}
  table: {{ from: big, store: "duckdb:{store}/t.duckdb", table: t }}
"""


def mounted(folder, options):
    return subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True).returncode == 0


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None or not mounted(folder, "size=1m"):
        pytest.skip("no file system can be mounted here (that takes root)")
    yield folder
    subprocess.run(["umount", folder], check=True)


def run(folder, *more):
    return subprocess.run([TROMMEL, "run", "p.yaml", *more], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=300)


@pytest.mark.parametrize("source", ["after: keep", "watch: true, after: delete"])
@pytest.mark.parametrize("where", ["state", "lake", "store"])
def test_a_disk_that_fills_up(tmp_path, small_disk, where, source):
    places = {name: str(small_disk) if name == where else name for name in ("state", "lake", "store")}
    (tmp_path / "p.yaml").write_text(PIPELINE.format(source=source, **places))
    (tmp_path / "in").mkdir()
    duckdb.execute(f"COPY ({EXPECTED}) TO '{tmp_path}/in/big.csv' (HEADER)")
    more = ["--once"] if "watch" in source else []
    for _ in range(2):  # the second finds what the first left, and no more room
        full = run(tmp_path, *more)
        assert full.returncode == 1 and "No space left on device" in full.stdout, full.stdout
        assert "wrote" not in full.stdout and (tmp_path / "in").exists()
        assert [path.name for path in (tmp_path / "in").rglob("*.csv")] == ["big.csv"]
    subprocess.run(["mount", "-o", "remount,size=100m", small_disk], check=True)
    done = run(tmp_path, *more)
    assert done.returncode == 0, done.stdout
    lake, store = tmp_path / places["lake"], tmp_path / places["store"]
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{store}/t.duckdb' AS store (READ_ONLY)")
        same_rows(connection, EXPECTED, {"table": "FROM store.t", "lake": f"SELECT id, part, text FROM read_parquet('{lake}/*/*.parquet', hive_partitioning = true)"})
    assert "nothing new" in run(tmp_path, *more).stdout
    assert list((tmp_path / "in").iterdir()) == ([] if more else [tmp_path / "in/big.csv"])
    beginnings = (f"{lake.relative_to(tmp_path)}/part=",)
    nothing_left(tmp_path, {"p.yaml", "in/big.csv", f"{store.relative_to(tmp_path)}/t.duckdb"}, beginnings, f"{places['state'] if where != 'state' else 'small'}/job")
