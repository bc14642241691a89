"""A pipeline with a schedule: what plan and lint say of it, and what run does."""

import datetime
import json
import signal
import time
import zoneinfo

import pytest

PIPELINE = """
name: nightly
schedule: {schedule}
sources: {{ drops: {{ files: {{ path: "in/*.csv" }}, contract: {{ id: BIGINT }} }} }}
sinks: {{ lake: {{ files: {{ path: "out/{{source_stem}}.csv" }} }} }}
"""


def scheduled(place, schedule):
    place.write("p.yaml", PIPELINE.format(schedule=schedule))
    place.write("in/first.csv", "id\n1\n")


def day_after_day(zone, hour, minute):
    """The next five times at which the clocks of a zone show a time, computed by another library."""
    here = zoneinfo.ZoneInfo(zone)
    day = datetime.datetime.now(here).date() - datetime.timedelta(days=1)
    times = []
    while len(times) < 5:
        shown = datetime.datetime.combine(day, datetime.time(hour, minute), here)
        if shown > datetime.datetime.now(here):
            times.append(int(shown.timestamp()) * 1_000_000)
        day += datetime.timedelta(days=1)
    return times


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC"])
def test_plan_shows_the_next_five_runs(place, zone):
    scheduled(place, f'{{ cron: "15 6 * * *", zone: {zone} }}')
    before = day_after_day(zone, 6, 15)
    schedule = place.json("plan", "p.yaml")["schedule"]
    assert [run["at_us"] for run in schedule["next"]] in (before, day_after_day(zone, 6, 15))
    text = place.call("plan", "p.yaml").stdout
    assert f"schedule: cron `15 6 * * *`, {zone}" in text
    assert all(run["at"] in text for run in schedule["next"])
    assert not (place.folder / ".trommel").exists()


def test_plan_and_lint_say_what_a_cron_text_hides(place):
    scheduled(place, '"0 6 */2 * *"')
    note = 'p.yaml:3:16: `*/2` counts from the first of each month: it runs on the 31st and again on the 1st, a day later'
    way = '`schedule: { every: 2d, at: "06:00", from: 2026-01-01 }`'
    assert note in place.call("plan", "p.yaml").stdout
    linted = place.call("lint", "p.yaml").stderr
    assert note.replace("p.yaml:3:16:", "p.yaml:3:16: note:") in linted and way in linted
    assert place.json("lint", "p.yaml") == []
    scheduled(place, '{ every: 2d, at: "06:00", from: 2026-01-01 }')
    assert "note" not in place.call("lint", "p.yaml").stderr


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_run_stays_and_runs_at_each_due_time(place, by):
    scheduled(place, "{ every: 1s }")
    process = place.start("run", "p.yaml", "--quiet", "--log", "log.txt")
    place.until(lambda: (place.folder / "out/first.csv").exists(), "the first file is there")
    place.write("in/second.csv", "id\n2\n")
    place.until(lambda: (place.folder / "out/second.csv").exists(), "the second file is there")
    place.stop(process, by=by)
    log = (place.folder / "log.txt").read_text()
    assert log.count("outcome=published") == 2
    assert "next run at" in log


def test_a_failed_run_is_told_and_the_next_one_goes_on(place):
    scheduled(place, "{ every: 1s }")
    place.write("in/first.csv", "id\nx\n")
    process = place.start("run", "p.yaml", "--quiet", "--log", "log.txt")
    place.until(lambda: "outcome=refused" in (place.folder / "log.txt").read_text() if (place.folder / "log.txt").exists() else False, "it is refused")
    place.write("in/first.csv", "id\n1\n")
    place.until(lambda: (place.folder / "out/first.csv").exists(), "the mended file is there")
    place.stop(process)
    assert "outcome=published" in (place.folder / "log.txt").read_text()


def test_a_restart_runs_what_was_missed(place):
    scheduled(place, "{ every: 1d, at: \"06:00\" }")
    process = place.start("run", "p.yaml", "--quiet", "--log", "log.txt")
    state = place.folder / ".trommel/nightly/schedule.json"
    place.until(state.exists, "the schedule is kept")
    place.stop(process)
    assert not (place.folder / "out").exists()  # nothing was due
    kept = json.loads(state.read_text())
    kept["seen_to_us"] -= 3 * 86_400_000_000
    state.write_text(json.dumps(kept))
    process = place.start("run", "p.yaml", "--quiet", "--log", "log.txt")
    place.until(lambda: (place.folder / "out/first.csv").exists(), "what was missed has run")
    place.until(lambda: json.loads(state.read_text())["seen_to_us"] > kept["seen_to_us"], "it was seen to")
    place.stop(process)
    assert "3 runs that were due from" in (place.folder / "log.txt").read_text()


def test_once_runs_now_and_counts(place):
    scheduled(place, '{ every: 1d, at: "06:00" }')
    before = time.time() * 1e6
    place.call("run", "p.yaml", "--once")
    assert (place.folder / "out/first.csv").read_text() == "id\n1\n"
    assert json.loads((place.folder / ".trommel/nightly/schedule.json").read_text())["seen_to_us"] > before


def test_two_do_not_keep_one_schedule_but_a_run_by_hand_goes_beside(place):
    scheduled(place, '{ every: 1d, at: "06:00" }')
    process = place.start("run", "p.yaml", "--quiet", "--log", "log.txt")
    place.until(lambda: (place.folder / ".trommel/nightly/schedule.json").exists(), "the schedule is kept")
    refused = place.call("run", "p.yaml", code=1).stderr
    assert f"the schedule of this pipeline is kept already: is held by process {process.pid}" in refused
    place.call("run", "p.yaml", "--once")
    assert (place.folder / "out/first.csv").exists()
    place.stop(process)


def test_a_watched_folder_is_drained_at_each_due_time(place):
    place.write("p.yaml", PIPELINE.format(schedule="{ every: 1s }").replace('"in/*.csv"', '"in/*.csv", watch: true, after: delete'))
    place.write("in/first.csv", "id\n1\n")
    process = place.start("run", "p.yaml", "--quiet", "--log", "log.txt")
    place.until(lambda: (place.folder / "out/first.csv").exists(), "the first file is there")
    place.write("in/second.csv", "id\n2\n")
    place.until(lambda: (place.folder / "out/second.csv").exists(), "the second file is there")
    place.stop(process)
    assert not list((place.folder / "in").glob("*.csv"))
