"""The shipped binary tripped at its n-th call on files, for n = 1, 2, ... until a run passes clean; then started again, and judged.

kill: before the n-th open for writing, write, sync, rename, unlink, mkdir or truncate (so after every one of them too); torn: within the n-th write, early,
in its middle or late; full: the n-th call that takes room gets a part of it, and nothing of that run gets any more; sync: the n-th sync fails. DuckDB's calls count
as ours do. Left out: reading, and what libraries do outside of the job's folder. A kill cannot lose what was written and not synced, for the system
keeps it: that is the simulator's part.

STEPS=all takes every n (make soak); else a spread of them that depends on SEED."""
import os
import random
import re

import pytest
from jobs import JOBS
from trip import COUNTS

ALL = os.environ.get("STEPS") == "all"
SEED = int(os.environ.get("SEED", "1"))
SAMPLE = {"kill": 6, "torn": 2, "full": 3, "sync": 2}
SAID = {"full": ["No space left on device"], "sync": ["Input/output error", "fsync failed"]}  # the second is DuckDB's


def steps(wire, job, what):
    """Numbers of calls to trip at: all up to a clean run, or a spread over those that a run makes."""
    if ALL:
        yield from range(1, 100_000)
        return
    job.prepare()
    assert wire.run(job.folder, *job.arguments, do=what, at=0, log=wire.log_path).code == 0
    calls = [call for call in wire.log() if what == "kill" or call.kind & COUNTS[what]]
    draw = random.Random(f"{SEED} {job.name} {what}")
    for part in range(SAMPLE[what]):  # one from each of equal parts
        first, last = part * len(calls) // SAMPLE[what] + 1, (part + 1) * len(calls) // SAMPLE[what]
        yield draw.randint(first, max(first, last))


def step(wire, job, what, at):
    """False when the run passed clean."""
    job.prepare()
    end = wire.run(job.folder, *job.arguments, do=what, at=at, part=(10, 50, 90)[at % 3], log=wire.log_path)
    if not end.tripped:
        assert end.code == 0, end.said
        job.judge()
        return False
    if what in ("kill", "torn"):
        assert end.code == -9
    else:
        # DuckDB lets a sync fail while it closes a file: its log holds the rows, and the judge looks.
        closing = end.code == 0 and what == "sync" and any(call.tripped and call.path.startswith("/t.duckdb") for call in wire.log())
        # What `status` shows is no part of a run: it ends well without.
        closing = closing or (end.code == 0 and all(re.match(r"/\.trommel/job/(groups/[^/]+/)?status\.json", call.path) for call in wire.log() if call.tripped))
        assert closing or (end.code == 1 and any(text in end.said for text in SAID[what])), end.said
    job.glimpse(wire.page.parent)
    again = wire.run(job.folder, *(job.again or job.arguments))
    assert again.code == 0, again.said
    job.judge()
    idle = wire.run(job.folder, *(job.again or job.arguments))
    assert idle.code == 0 and "nothing new" in idle.said, idle.said
    job.judge()
    return True


@pytest.mark.parametrize("what", SAMPLE)
@pytest.mark.parametrize("name", JOBS)
def test_tripped_at_every_call(workshop, wire, name, what):
    job = JOBS[name](workshop / name)
    tripped, clean = 0, False
    for at in steps(wire, job, what):
        try:
            clean = not step(wire, job, what, at)
        except (AssertionError, OSError) as error:
            calls = "".join(f"  {call}\n" for call in wire.log()[-8:])
            raise AssertionError(f"{name}: {what} at call {at}, the last calls of that run:\n{calls}") from error
        if clean:
            break
        tripped += 1
    print(f"\n{name}: {what} at {tripped} calls{', then a clean run' if clean else ''}")
    assert tripped >= (20 if ALL else SAMPLE[what] - 1)
    assert clean or not ALL
