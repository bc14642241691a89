"""kill -9 in the middle of examples/students with 1,000 files, while it reads and while it publishes; started again, the table and the files are those of a
run that nobody disturbed."""
import os
import shutil
import signal
import subprocess

import duckdb
import pytest
from trip import PHASES, ROOT

EXAMPLE = ROOT / "examples/students"
FILES = 1000
RUN = ["run", "pipeline.yaml", "--once"]


def fresh(folder):
    folder.mkdir()
    for path in EXAMPLE.glob("*.yaml"):
        shutil.copy(path, folder)
    subprocess.run([EXAMPLE / "generate", folder / "input_csv", "--files", str(FILES), "--distinct", "300"], check=True)
    for number in range(50, FILES, 100):  # ten of them are broken
        path = folder / f"input_csv/students_{number:04}.csv"
        lines = path.read_text().splitlines(keepends=True)
        lines[number % 390 + 1] = "broken\n"
        path.write_text("".join(lines))


def outcome(folder):
    """Rows of the table and of each Parquet file, with sums over their hashes, which no order changes; and what was refused."""
    with duckdb.connect(str(folder / "students.duckdb"), read_only=True) as connection:
        values = ", ".join(f"{row[0]}::VARCHAR" for row in connection.execute("DESCRIBE student_data").fetchall())
        table = connection.execute(f"SELECT count(*), sum(hash({values})) FROM student_data").fetchone()
        lake = connection.execute(f"SELECT parse_filename(filename) AS name, count(*), sum(hash({values})) FROM "
                                  f"read_parquet('{folder}/output_parquet/*.parquet', filename = true) GROUP BY name ORDER BY name").fetchall()
    left = [path for path in (folder / "input_csv").rglob("*") if path.is_file() and path.parent.name != "output_failed"]
    return table, lake, sorted(os.listdir(folder / "input_csv/output_failed")), left


@pytest.fixture(scope="module")
def undisturbed(workshop, wire):
    fresh(workshop / "undisturbed")
    end = wire.run(workshop / "undisturbed", *RUN)
    assert end.code == 0, end.said
    return end, outcome(workshop / "undisturbed")


def test_the_same_as_an_undisturbed_run(workshop, wire, undisturbed):
    usual, expected = undisturbed
    (rows, _), lake, refused, left = expected
    assert rows > 300 * FILES and sum(count for _, count, _ in lake) == rows
    assert len(lake) == FILES - 10 and len(refused) == 20 and left == []

    folder = workshop / "killed"
    fresh(folder)
    kills = []
    for phase in ["read", "commit", "durable"]:  # each in the middle of it; the later ones in a run that recovers
        middle = usual.spent[phase] / max(1, usual.entered[phase]) / 3
        end = wire.run(folder, *RUN, phase=PHASES.index(phase), entered=1, delay_us=int(middle * 1e6))
        if end.code == -signal.SIGKILL:
            kills.append(end.phase)
    assert len(kills) >= 2, kills
    end = wire.run(folder, *RUN)
    assert end.code == 0, end.said
    print(f"\nkilled in {', '.join(kills)}: {rows:,} rows in the table, the same, and in {len(lake)} files, each the same")
    assert outcome(folder) == expected
