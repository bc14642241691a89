"""Memory is a function of settings, never of input size: a file of 10 GB converts in under 512 MB of peak resident memory.

SOAK_GB sets another size. The file is generated into the cache folder and kept there."""
import os
import pathlib
import subprocess
import threading
import time

import pyarrow.compute
import pyarrow.parquet
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TROMMEL_BUILD") or ROOT / "build" / "release")
CACHE = pathlib.Path(os.environ["TROMMEL_CACHE"]) / "bench"
GIGABYTES = float(os.environ.get("SOAK_GB", "10"))
LIMIT_MB = 512


@pytest.fixture(scope="module")
def big_csv():
    CACHE.mkdir(parents=True, exist_ok=True)
    path, rows_file = CACHE / f"mixed-{GIGABYTES:g}GB-seed1.csv", CACHE / f"mixed-{GIGABYTES:g}GB-seed1.rows"
    if not path.exists() or not rows_file.exists():
        done = subprocess.run([BUILD / "bench/bench_generate", path, str(int(GIGABYTES * 1e9)), "1"], check=True,
                              stdout=subprocess.PIPE, text=True)
        rows_file.write_text(done.stdout)
    return path, int(rows_file.read_text())


def run_and_measure(command, cwd):
    """Exit code, peak memory in MB and seconds. The peak is the process's own VmHWM: what wait4 reports includes the parent's."""
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=cwd, stdin=subprocess.DEVNULL)
    peak = [0]

    def watch():
        while process.poll() is None:
            try:
                status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            except OSError:
                return
            peak[0] = max([peak[0]] + [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")])
            time.sleep(0.02)

    watcher = threading.Thread(target=watch)
    watcher.start()
    watcher.join()
    return process.wait(), peak[0] / 1024, time.monotonic() - began


def test_a_big_file_converts_in_little_memory(big_csv, tmp_path):
    source, rows = big_csv
    target = tmp_path / "big.parquet"
    code, peak_mb, seconds = run_and_measure([BUILD / "trommel", "convert", str(source), str(target)], tmp_path)
    print(f"\n{GIGABYTES:g} GB in {seconds:.0f} s, peak {peak_mb:.0f} MB")
    assert code == 0
    assert 0 < peak_mb < LIMIT_MB
    file = pyarrow.parquet.ParquetFile(target)
    assert file.metadata.num_rows == rows
    total = sum(pyarrow.compute.sum(batch.column(0)).as_py() for batch in file.iter_batches(columns=["id"]))
    assert total == rows * (rows + 1) // 2  # ids are 1 to rows, each once
