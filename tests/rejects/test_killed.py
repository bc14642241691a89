"""A first replay that is killed at its n-th call on files, and what the next one makes of it.

By the preloaded library of tests/crash. STEPS=all takes every n until a replay passes clean; else a spread of them."""

import os
import pathlib
import shutil
import sys

import pytest
from conftest import GOOD, row
from mending import after_all, mend, read_csv, write_csv

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "crash"))
from trip import Tripwire  # noqa: E402

ALL = os.environ.get("STEPS") == "all"
SAMPLE = {"kill": 16, "torn": 12}  # among all calls; about half of them can be torn
REPLAY = ("rejects", "replay", "p.yaml", "mended.csv")


@pytest.mark.parametrize("what", SAMPLE)
def test_killed_at_every_call_and_replayed_again(sales, tmp_path_factory, what):
    aside = tmp_path_factory.mktemp("aside")
    wire = Tripwire(aside)
    sales.start()
    sales.run("rejects", "export", "p.yaml", "bad.csv")
    rows = read_csv(sales.folder / "bad.csv")
    mend(rows)
    write_csv(sales.folder / "mended.csv", rows)
    before = aside / "before"
    shutil.copytree(sales.folder, before)

    def again(at):
        shutil.rmtree(sales.folder)
        shutil.copytree(before, sales.folder)
        return wire.run(sales.folder, *REPLAY, do=what, at=at)

    clean = again(0)
    assert clean.code == 0, clean.said
    after_all(sales)
    phases = {}
    steps = range(1, 100_000) if ALL else range(1, 100_000, max(1, clean.calls // SAMPLE[what]))
    for count, at in enumerate(steps):
        end = again(at)
        if not end.tripped:
            assert end.code == 0, end.said
            after_all(sales)
            break
        assert end.code == -9, end.said
        phases[end.phase] = phases.get(end.phase, 0) + 1
        # Now and then an ordinary run comes first: it must end what was begun.
        if count % 3 == 2:
            sales.run("run", "p.yaml", "--once")
        sales.replay("mended.csv")
        after_all(sales)
        assert "nothing to replay" in sales.replay("mended.csv")
        after_all(sales)
    print(f"{what}: killed by phase: {phases}")
    assert sum(phases.values()) > 3


def test_a_run_is_killed_and_a_replay_comes_next(sales, tmp_path_factory):
    """It ends what the run had begun, the run's own inputs included, before it does its own work."""
    aside = tmp_path_factory.mktemp("aside")
    wire = Tripwire(aside)
    sales.start()
    sales.run("rejects", "export", "p.yaml", "bad.csv")
    rows = read_csv(sales.folder / "bad.csv")
    mend(rows)
    write_csv(sales.folder / "mended.csv", rows)
    more = [line.replace(",w", ",v") for line in GOOD]
    sales.drop(more, "b.csv")
    before = aside / "before"
    shutil.copytree(sales.folder, before)

    def again(at):
        shutil.rmtree(sales.folder)
        shutil.copytree(before, sales.folder)
        return wire.run(sales.folder, "run", "p.yaml", "--once", do="kill", at=at)

    clean = again(0)
    for at in range(1, 100_000, 1 if ALL else max(1, clean.calls // 12)):
        end = again(at)
        if not end.tripped:
            break
        sales.replay("mended.csv")
        sales.run("run", "p.yaml", "--once")
        assert not list((sales.folder / "in").rglob("*.csv")), "nothing is left behind"
        after_all(sales, [row(line) for line in more])
