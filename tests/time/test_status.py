"""What `status` says of a pipeline that runs, rests, waits for its next run, or was killed."""

import datetime
import json
import signal
import time

WATCHED = """
name: drops
sources: {{ drops: {{ files: {{ path: "in/*.csv", watch: true, after: delete }}, contract: {{ id: BIGINT }} }} }}
sinks: {{ lake: {{ files: {{ path: "out/{{source_stem}}.csv" }} }} }}
max_rejects: 10
{more}
"""
BOUNDED = WATCHED.replace(", watch: true, after: delete", "")


def test_nothing_has_run_yet(place):
    place.write("p.yaml", BOUNDED.format(more=""))
    assert "no pipeline has run here yet" in place.call("status", "p.yaml", code=1).stderr
    assert "no pipeline of this name" in place.call("status", "drops", code=1).stderr
    assert not (place.folder / ".trommel").exists()  # a look leaves nothing behind


def test_a_resting_pipeline(place):
    place.write("p.yaml", BOUNDED.format(more=""))
    place.write("in/a.csv", "id\n1\n2\nx\n")
    before = time.time() * 1e6
    place.call("run", "p.yaml")
    after = time.time() * 1e6
    for of in ("p.yaml", "drops", ".trommel/drops"):
        status = place.json("status", of)
        assert status["pipeline"] == "drops" and status["running"] is False and status["holder"] is None
        assert status["epoch"] == 1 and before - 1e6 <= status["epoch_at_us"] <= after + 1e6
        run = status["run"]
        assert (run["phase"], run["outcome"]) == ("ended", "published")
        assert (run["rows_read"], run["rows_written"], run["rows_rejected"], run["epochs"]) == (3, 2, 1, 1)
        assert before <= run["started_us"] <= run["ended_us"] <= after
        assert run["rows_per_second"] > 0
        assert status["next_run"] is None and status["open"] == []
    text = place.call("status", "p.yaml").stdout
    assert "drops: not running\n" in text and "3 rows read, 2 written, 1 rejected in 1 epoch" in text
    place.call("run", "p.yaml")
    run = place.json("status", "p.yaml")["run"]
    assert (run["outcome"], run["rows_read"]) == ("nothing_new", 0)
    place.write("in/b.csv", "id\n3\n4\n")
    place.call("run", "p.yaml")
    status = place.json("status", "p.yaml")
    assert (status["run"]["rows_read"], status["epoch"]) == (2, 2)
    assert (status["life"]["rows_read"], status["life"]["rows_written"], status["life"]["rows_rejected"]) == (5, 4, 1)


def test_a_refused_run_says_why(place):
    place.write("p.yaml", BOUNDED.format(more="").replace("max_rejects: 10", ""))
    place.write("in/a.csv", "id\nx\n")
    place.call("run", "p.yaml", code=1)
    run = place.json("status", "p.yaml")["run"]
    assert run["outcome"] == "refused" and "1 of 1 row" in run["message"]
    assert (run["rows_read"], run["epochs"]) == (0, 0)


def test_a_running_pipeline_and_one_that_was_killed(place):
    place.write("p.yaml", WATCHED.format(more=""))
    place.write("in/a.csv", "id\n1\n2\n")
    process = place.start("run", "p.yaml", "--quiet", "--log", "log.txt")
    place.until(lambda: (place.folder / "out/a.csv").exists(), "the first file is there")
    place.until(lambda: place.json("status", "p.yaml")["run"]["epochs"] == 1, "the status tells of it")
    status = place.json("status", "p.yaml")
    assert status["running"] and f"process {process.pid} " in status["holder"]
    assert (status["run"]["rows_read"], status["run"]["phase"]) == (2, "waiting")
    assert status["run"]["inputs_waiting"] == 0
    assert f"drops: running, held by process {process.pid}" in place.call("status", "p.yaml").stdout
    # Looks take no lock: the run goes on, and a second one is still kept out.
    place.write("in/b.csv", "id\n3\n")
    place.until(lambda: (place.folder / "out/b.csv").exists(), "the second file is there")
    place.call("run", "p.yaml", "--once", code=1)
    assert place.json("status", "p.yaml")["run"]["process"] == process.pid
    process.kill()
    process.wait()
    status = place.json("status", "p.yaml")
    assert not status["running"] and status["run"]["phase"] != "ended"
    assert "not running; the last run was cut off" in place.call("status", "p.yaml").stdout


def test_a_large_file_under_way(place):
    """While an epoch is read its rows are told, and between epochs where its inputs stand."""
    rows = 2_000_000  # a hundred epochs, one after the other: each leaves something behind
    text = WATCHED.format(more="commit: { rows: 20000 }\nlanes: 1").replace("out/{source_stem}.csv", "out/")
    place.write("p.yaml", text)
    place.write("in/a.csv", "id\n" + "".join(f"{number}\n" for number in range(rows)))
    process = place.start("run", "p.yaml", "--quiet", "--log", "log.txt", "--block-bytes", "50000")
    seen = []

    def shown():
        if (place.folder / ".trommel/drops").exists():
            done = place.json("status", "p.yaml")
            if done["open"]:
                seen.append(done)
        return seen

    place.until(lambda: (place.folder / ".trommel/drops/status.json").exists(), "it has begun")
    place.until(shown, "an input stands open")
    opened = seen[0]["open"][0]
    assert opened["input"].endswith("in/a.csv") and 0 < opened["at"] < opened["size"]
    place.until(lambda: place.json("status", "p.yaml")["run"]["rows_read"] == rows, "all is read")
    place.stop(process, by=signal.SIGINT)
    run = place.json("status", "p.yaml")["run"]
    assert run["rows_read"] == run["rows_written"] == rows and run["epochs"] > 1 and run["phase"] == "ended"


def test_the_next_run_of_a_schedule(place):
    place.write("p.yaml", BOUNDED.format(more='schedule: { every: 1d, at: "06:00", zone: Europe/Berlin }'))
    process = place.start("run", "p.yaml", "--quiet", "--log", "log.txt")
    place.until(lambda: (place.folder / ".trommel/drops/schedule.json").exists(), "the schedule is kept")
    status = place.json("status", "drops")
    due = datetime.datetime.fromtimestamp(status["next_run"]["at_us"] / 1e6, datetime.timezone.utc)
    assert datetime.timedelta(0) < due - datetime.datetime.now(datetime.timezone.utc) <= datetime.timedelta(hours=25)
    assert status["next_run"]["at"].endswith(("06:00 CET", "06:00 CEST"))
    assert not status["running"] and str(process.pid) in status["schedule_holder"]
    assert "drops: waiting for its next run, process" in place.call("status", "p.yaml").stdout
    place.stop(process)
    state = place.folder / ".trommel/drops/schedule.json"
    kept = json.loads(state.read_text())
    kept["next_us"] -= 2 * 86_400_000_000
    state.write_text(json.dumps(kept))
    assert "nobody keeps the schedule" in place.call("status", "p.yaml").stdout


def test_a_damaged_file_is_no_mistake(place):
    place.write("p.yaml", BOUNDED.format(more=""))
    place.write("in/a.csv", "id\n1\n")
    place.call("run", "p.yaml")
    for text in ("", "{", "7", '{"run":7}', '{"run":{"phase":"ended","retrying":[]}}'):
        place.write(".trommel/drops/status.json", text)
        assert place.json("status", "p.yaml")["epoch"] == 1, text
