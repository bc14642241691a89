"""99,900 small files go through examples/students in one run without end; memory and the state folder stay as they are after the first of them.

SOAK_FILES sets another number. A feeder keeps at most two thousand files lying there, as senders do that come and go. Every file differs from every
other (its number stands in `absences`), so that a row lost in one file is not made up for by a row doubled in another."""
import io
import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

import duckdb
import pandas

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples/students"
BUILD = pathlib.Path(os.environ.get("TROMMEL_BUILD") or ROOT / "build" / "release")
TROMMEL = os.environ.get("TROMMEL") or str(BUILD / "trommel")
FILES = int(os.environ.get("SOAK_FILES", "99900"))
ROWS, TEMPLATES, LYING, WAVE = 8, 200, 2000, 500
SAMPLES = 20
NUMBER = 7_000_000_007  # stands where the file's own number will, in the templates


def load_generator():
    loader = SourceFileLoader("generate", str(EXAMPLE / "generate"))
    module = module_from_spec(spec_from_loader("generate", loader))
    loader.exec_module(module)
    return module


def templates():
    """CSV texts with a mark where a file's number goes, and the rows that pandas makes of them by the rules of the pipeline, each with its template."""
    generate = load_generator()
    at = generate.COLUMNS.index("absences")
    texts, frames = [], []
    for which in range(TEMPLATES):
        table = generate.table(f"many {which}", ROWS)
        for row in table[1:]:
            row[at] = NUMBER
        text = generate.as_csv(table)
        rows = pandas.read_csv(io.StringIO(text), sep=";").dropna()
        rows.columns = [name.lower() for name in rows.columns]
        for name in rows.columns:
            rows[name] = rows[name].astype("int64") if pandas.api.types.is_numeric_dtype(rows[name]) else rows[name].str.lower()
        frames.append(rows.drop_duplicates().assign(template=which))
        texts.append(text)
    return texts, pandas.concat(frames)


class Feeder(threading.Thread):
    """Drops files in waves, and waits while too many lie there."""

    def __init__(self, inbox, texts):
        super().__init__(daemon=True)
        self.inbox, self.texts, self.dropped, self.over = inbox, texts, 0, False

    def lying(self):
        return sum(len(names) for _, _, names in os.walk(self.inbox))  # claimed ones too

    def run(self):
        while self.dropped < FILES and not self.over:
            if self.lying() > LYING - WAVE:
                time.sleep(0.05)
                continue
            for number in range(self.dropped, min(self.dropped + WAVE, FILES)):
                aside = self.inbox / f".{number}.part"
                aside.write_text(self.texts[number % TEMPLATES].replace(str(NUMBER), str(number)))
                aside.rename(self.inbox / f"students_{number:06}.csv")
                self.dropped = number + 1


def resident(pid):
    """VmRSS and VmHWM in MB."""
    fields = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) / 1024, int(fields["VmHWM"].split()[0]) / 1024


def state_of(folder):
    """Bytes and number of files of the state folder, and the size of the newest checkpoint."""
    sizes = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                sizes[os.path.join(parent, name)] = os.stat(os.path.join(parent, name)).st_size
            except FileNotFoundError:
                pass
    checkpoints = sorted(path for path in sizes if os.path.basename(path).startswith("checkpoint-") and path.endswith(".json"))
    return sum(sizes.values()), len(sizes), sizes[checkpoints[-1]] if checkpoints else 0


class Watcher:
    """Samples while the run goes on; between two lines of the table it keeps the largest of everything."""

    def __init__(self, process, feeder, state):
        self.process, self.feeder, self.state = process, feeder, state
        self.lines, self.began = [], time.monotonic()
        print(f"\n{'files':>7} {'seconds':>8} {'files/s':>8} {'RSS MB':>7} {'peak MB':>8} {'state KB':>9} {'in files':>8} {'checkpoint KB':>14}")

    def follow(self):
        done = 0
        while done < FILES:
            until, most = min(FILES, (len(self.lines) + 1) * FILES // SAMPLES), (0, 0, 0, 0)
            while done < until:
                assert self.process.poll() is None, "it ended by itself"
                assert time.monotonic() - self.began < 60 + FILES, "it stands still"
                most = tuple(map(max, most, (resident(self.process.pid)[0], *state_of(self.state))))
                time.sleep(0.1)
                dropped = self.feeder.dropped  # before what lies there is counted
                done = dropped - self.feeder.lying()
            self.add(done, most)

    def add(self, done, most):
        seconds = time.monotonic() - self.began
        before = self.lines[-1] if self.lines else {"files": 0, "seconds": 0}
        line = {"files": done, "seconds": seconds, "rss": most[0], "peak": resident(self.process.pid)[1], "state": most[1],
                "state_files": most[2], "checkpoint": most[3]}
        rate = (done - before["files"]) / (seconds - before["seconds"])
        print(f"{done:7,} {seconds:8.1f} {rate:8.0f} {line['rss']:7.0f} {line['peak']:8.0f} {line['state'] / 1e3:9.1f} {line['state_files']:8} "
              f"{line['checkpoint'] / 1e3:14.1f}", flush=True)
        self.lines.append(line)

    def quarters(self, what):
        """The largest value in the first quarter and in the last half."""
        first, last = self.lines[:len(self.lines) // 4], self.lines[len(self.lines) // 2:]
        return max(line[what] for line in first), max(line[what] for line in last)


def table_facts(folder):
    """Rows, and a sum over their hashes that no order changes."""
    with duckdb.connect(str(folder / "students.duckdb"), read_only=True) as connection:
        columns = [row[0] for row in connection.execute("DESCRIBE student_data").fetchall()]
        values = ", ".join(f"{name}::VARCHAR" for name in columns)
        return columns, connection.execute(f"SELECT count(*), sum(hash({values}))::VARCHAR FROM student_data").fetchone()


def expected_facts(rows, columns):
    connection = duckdb.connect()
    connection.register("templates", rows)
    values = ", ".join("number::VARCHAR" if name == "absences" else f"{name}::VARCHAR" for name in columns)
    return connection.execute(f"SELECT count(*), sum(hash({values}))::VARCHAR FROM templates JOIN range({FILES}) files(number) "
                              f"ON number % {TEMPLATES} = template").fetchone()


def test_many_files_in_one_run(tmp_path):
    for name in ["pipeline.yaml", "schema.yaml", "schema_sql.yaml", "db_creds.yaml"]:
        shutil.copy(EXAMPLE / name, tmp_path)
    inbox = tmp_path / "input_csv"
    inbox.mkdir()
    texts, rows = templates()
    feeder = Feeder(inbox, texts)
    process = subprocess.Popen([TROMMEL, "run", "pipeline.yaml"], cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
    try:
        feeder.start()
        watcher = Watcher(process, feeder, tmp_path / ".trommel")
        watcher.follow()
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=120)[0]
        assert process.returncode == 0, said[-3000:]
    finally:
        feeder.over = True
        if process.poll() is None:
            process.kill()
            process.wait()

    made = {path.name for path in (tmp_path / "output_parquet").iterdir()}
    assert made == {f"students_{number:06}.parquet" for number in range(FILES)}
    assert [path for path in inbox.rglob("*") if path.is_file()] == []
    columns, table = table_facts(tmp_path)
    assert table == expected_facts(rows, columns)
    parquet = duckdb.execute(f"SELECT count(*) FROM read_parquet('{tmp_path}/output_parquet/*.parquet')").fetchone()[0]
    assert parquet == table[0]

    # Flat: what the first quarter needed, the rest needs too, but for noise and the spread of epochs' sizes.
    (early_peak, late_peak), (early_state, late_state) = watcher.quarters("rss"), watcher.quarters("state")
    (early_checkpoint, late_checkpoint), (_, late_files) = watcher.quarters("checkpoint"), watcher.quarters("state_files")
    print(f"{table[0]:,} rows; resident {early_peak:.0f} MB in the first quarter, {late_peak:.0f} MB in the last half")
    assert late_peak < early_peak * 1.25 + 32
    assert late_state < early_state * 1.5 + 2e6
    assert late_checkpoint < early_checkpoint * 1.5 + 1e5
    assert late_files < 40
