"""A pipeline file that changes between two runs: what fits goes on, what would lose rows or mistake them is refused with the ways out, and --reset is one of them."""
import json
import os
import shutil
import subprocess

import duckdb
import pytest
from trip import TROMMEL

PIPELINE = """name: {name}
retry: {{ for: 0s }}
state: state
sources:
  drops: {{ files: {{ path: in/*.csv }}, contract: {{ id: BIGINT NOT NULL, word: VARCHAR }} }}
transforms:
  once: {{ dedupe: {{ by: {by}, within: 1d }} }}
sinks:
  table: {{ from: once, store: "duckdb:{store}/t.duckdb", table: t, write: upsert, key: [id] }}
"""


class Folder:
    def __init__(self, path):
        self.path, self.settings = path, {"name": "job", "by": "[id]", "store": "store"}
        (path / "in").mkdir()
        self.drop(1)

    def drop(self, *files, rows=3):
        for number in files:
            lines = "".join(f"{number * 10 + row},w{row}\n" for row in range(rows))
            (self.path / f"in/f{number}.csv").write_text("id,word\n" + lines)

    def write(self, text=None, **settings):
        self.settings.update(settings)
        (self.path / "p.yaml").write_text(text or PIPELINE.format(**self.settings))

    def run(self, *more, code=0):
        done = subprocess.run([TROMMEL, "run", "p.yaml", *more], cwd=self.path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=120)
        assert done.returncode == code, done.stdout
        return done.stdout

    def ids(self):
        with duckdb.connect(str(self.path / "store/t.duckdb"), read_only=True) as connection:
            return [row[0] for row in connection.execute("SELECT id FROM t ORDER BY id").fetchall()]

    def with_an_epoch_that_waits(self):
        """The store is away when the rows are ready: a file stands where its folder should be."""
        (self.path / "store").touch()
        self.write()
        assert "the rows are kept, the next run writes them" in self.run(code=1)
        (self.path / "store").unlink()


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def test_what_fits_goes_on(folder):
    folder.write()
    folder.run()
    folder.drop(1, 2)
    text = PIPELINE.format(**folder.settings).replace("within: 1d", "within: 2d").replace("sinks:", "sinks:\n  lake: { from: once, files: { path: out/ } }")
    folder.write(text.replace("  once: {", "  more: { sql: \"SELECT id, word FROM drops WHERE id >= 0\" }\n  once: { from: more, "))
    said = folder.run()
    assert "once.deduplicated" in said or "equal to one that was kept" in said, said
    assert folder.ids() == [10, 11, 12, 20, 21, 22]


def test_what_was_remembered_by_other_columns_means_nothing(folder):
    folder.write()
    folder.run()
    folder.write(by="[word]")
    said = folder.run(code=78)
    assert "p.yaml:7:3: `once` remembers rows of earlier epochs by (id int64), and would now by (word string)" in said
    assert "run --reset" in said and "another name" in said
    assert folder.ids() == [10, 11, 12]
    folder.write(by="[id]")
    assert "nothing new" in folder.run()


def test_rows_that_wait_for_a_sink_that_is_gone(folder):
    folder.with_an_epoch_that_waits()
    folder.write(PIPELINE.format(**folder.settings).replace("  table:", "  other:"))
    said = folder.run(code=78)
    assert "epoch 1 waits to be written to `table`, which the pipeline no longer has" in said and "run --reset" in said
    folder.write()
    assert "epoch 1 was saved and not yet published: publishing it now" in folder.run()
    assert folder.ids() == [10, 11, 12]


def test_rows_that_wait_with_a_column_that_is_gone(folder):
    folder.with_an_epoch_that_waits()
    folder.write(PIPELINE.format(**folder.settings).replace("once: {", "once: { from: less, ").replace("transforms:", 'transforms:\n  less: { sql: "SELECT id FROM drops" }'))
    said = folder.run(code=78)
    assert "epoch 1 waits to be written to `table` with a column `word`, which its rows no longer have" in said


def test_the_state_of_another_pipeline(folder):
    folder.write()
    folder.run()
    folder.write(name="other")
    said = folder.run(code=78)
    assert "is the state folder of pipeline `job`, and this is `other`" in said


def test_reset_reads_everything_again_in_place_of_what_was_written(folder):
    folder.write()
    folder.run()
    folder.write(by="[id, word]")
    folder.run("--reset")
    assert folder.ids() == [10, 11, 12]
    assert json.loads(next((folder.path / "state").glob("checkpoint-*2.json")).read_text().splitlines()[0])["epoch"] == 2
    assert (folder.path / "state/before_reset_000001/taken.jsonl").exists()
    folder.run("--reset")
    assert [path.name for path in (folder.path / "state").glob("before_reset_*")] == ["before_reset_000002"]


def test_reset_drops_an_epoch_that_waits_and_reads_its_input_again(folder):
    folder.with_an_epoch_that_waits()
    folder.drop(1, rows=2)
    folder.run("--reset")
    assert folder.ids() == [10, 11]


def test_reset_writes_no_row_twice(folder):
    append = PIPELINE.replace(", write: upsert, key: [id]", "")
    folder.write(append.format(**folder.settings))
    folder.run()
    said = folder.run("--reset", code=78)
    assert "rows that are read again would be twice in `table`" in said and "--beside" in said
    assert "nothing new" in folder.run()
    folder.run("--reset", "--beside")
    assert folder.ids() == [10, 10, 11, 11, 12, 12]


def test_a_store_that_is_away_while_the_run_is_planned_is_no_mistake_of_the_file(folder):
    folder.write()
    folder.run()
    os.rename(folder.path / "store/t.duckdb", folder.path / "store/aside")
    (folder.path / "store/t.duckdb").mkdir()
    folder.drop(2)
    assert "mistake" not in folder.run(code=1)
    (folder.path / "store/t.duckdb").rmdir()
    os.rename(folder.path / "store/aside", folder.path / "store/t.duckdb")
    folder.run()
    assert folder.ids() == [10, 11, 12, 20, 21, 22]


def test_a_state_folder_that_was_deleted_or_is_old(folder):
    """The store leaves out epochs that it has: without the folder it would take the next rows for those."""
    folder.write()
    folder.run()
    shutil.copytree(folder.path / "state", folder.path / "copy")
    folder.drop(2)
    folder.run()
    shutil.rmtree(folder.path / "state")
    folder.drop(3)
    said = folder.run(code=1)
    assert "holds epoch 2 of this pipeline, and its state folder knows of none: was it deleted?" in said and "--reset" in said, said
    assert "was it deleted?" in folder.run(code=1), "it is asked again"
    shutil.rmtree(folder.path / "state")
    shutil.copytree(folder.path / "copy", folder.path / "state")
    for _ in range(2):
        assert "knows of 1 only" in folder.run(code=1), "and nothing is saved that would look like the store's own epoch"
    assert folder.ids() == [10, 11, 12, 20, 21, 22]
    shutil.rmtree(folder.path / "state")
    folder.run("--reset")
    assert folder.ids() == [10, 11, 12, 20, 21, 22, 30, 31, 32]
    folder.drop(4)
    folder.run()
    assert folder.ids()[-1] == 42
