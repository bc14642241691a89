"""The shipped binary killed at random moments and where it was hit least, started again until done; then every row is counted by DuckDB.

KILLS sets how many (1,000 in make soak), SEED which ones."""
import os

from hammer import AIMED, BigCsv, Hammer, Students

KILLS = int(os.environ.get("KILLS", "30"))
SEED = int(os.environ.get("SEED", "1"))


def test_killed_until_done(workshop, wire):
    hammer = Hammer(wire, SEED)
    jobs = [BigCsv(workshop / "big", wire.page.parent, rows=150_000), Students(workshop / "students", files=96)]
    todo = [(job, lanes) for lanes in (1, 4) for job in jobs]
    killed = 0
    try:
        while killed < KILLS:
            job, lanes = todo[hammer.rounds % len(todo)]
            killed += hammer.round(job, lanes, hammer.draw.randint(4, 10))
    except BaseException:
        print(f"\nSEED={SEED}, round {hammer.rounds + 1}: {job.name} with {lanes} lanes\n{hammer.table()}")
        raise
    finally:
        for job in jobs:
            job.stop()
    print(f"\n{killed} kills in {hammer.rounds} jobs, 0 rows lost, 0 doubled ({hammer.missed} runs came to their end before)\n{hammer.table()}")
    by_phase = {phase: sum(count for (_, _, at), count in hammer.kills.items() if at == phase) for phase in AIMED}
    assert killed >= KILLS
    assert min(by_phase.values()) >= max(1, KILLS // 40), by_phase
