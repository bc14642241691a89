"""The schedule in the words of systemd and cron, checked by systemd's own programs where they are."""

import re
import shutil
import subprocess

import pytest

PIPELINE = """
name: nightly
schedule: {schedule}
sources: {{ drops: {{ files: {{ path: "in/*.csv" }}, contract: {{ id: BIGINT }} }} }}
sinks: {{ lake: {{ files: {{ path: "out/{{source_stem}}.csv" }} }} }}
"""
ANALYZE = shutil.which("systemd-analyze")


def calendar(expression, count):
    """When systemd would run, in microseconds since 1970."""
    done = subprocess.run([ANALYZE, "calendar", f"--iterations={count}", expression], capture_output=True, text=True,
                          env={"TZ": "UTC", "LC_ALL": "C"})
    assert done.returncode == 0, done.stderr
    shown = re.findall(r"(?:\(in UTC\)|Next elapse|Iter\. #\d+): \w+ (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", done.stdout)
    return [subprocess.run(["date", "-u", "-d", text, "+%s"], capture_output=True, text=True).stdout.strip() + "000000"
            for text in dict.fromkeys(shown)]


SCHEDULES = {
    '"0 6 * * *"': True,
    '{ cron: "0 6 * * *", zone: Europe/Berlin }': True,
    '{ cron: "*/20 7-9 * 1-6,nov,dec mon-fri", zone: America/New_York }': True,
    '"30 22 */2 * *"': True,
    '"0 0 13 * fri"': True,
    '{ every: 6h, from: 2026-01-01, zone: Europe/Berlin }': True,
    '{ every: 15m }': True,
    '{ every: 1w, at: "06:30", from: 2026-01-01, zone: Asia/Kolkata }': True,
    '{ every: 2d, at: "06:00", from: 2026-01-01 }': False,
    '{ every: 7h, from: 2026-01-01 }': False,
}


def units(place, *more):
    place.call("export", "systemd", "p.yaml", "--to", "units", *more)
    return {path.name: path.read_text() for path in (place.folder / "units").iterdir()}


@pytest.mark.parametrize("schedule,has_words", SCHEDULES.items())
def test_systemd_runs_when_plan_says(place, schedule, has_words):
    place.write("p.yaml", PIPELINE.format(schedule=schedule))
    place.write("in/a.csv", "id\n1\n")
    made = units(place)
    if not has_words:
        assert set(made) == {"trommel-nightly.service"}
        text = made["trommel-nightly.service"]
        assert "OnCalendar has no words" in text and "--once" not in text and "Restart=on-failure" in text
        return
    assert set(made) == {"trommel-nightly.service", "trommel-nightly.timer"}
    assert "Type=oneshot" in made["trommel-nightly.service"]
    assert re.search(r"^ExecStart=\S+ run \S+ --quiet --once$", made["trommel-nightly.service"], re.MULTILINE)
    expressions = re.findall(r"^OnCalendar=(.*)$", made["trommel-nightly.timer"], re.MULTILINE)
    assert expressions and "Persistent=true" in made["trommel-nightly.timer"]
    if not ANALYZE:
        pytest.skip("no systemd-analyze here")
    wanted = [str(run["at_us"]) for run in place.json("plan", "p.yaml")["schedule"]["next"]]
    theirs = sorted({time for expression in expressions for time in calendar(expression, 6)})
    again = [str(run["at_us"]) for run in place.json("plan", "p.yaml")["schedule"]["next"]]
    assert wanted[:4] == theirs[:4] or again[:4] == theirs[:4]


@pytest.mark.skipif(not ANALYZE, reason="no systemd-analyze here")
@pytest.mark.parametrize("schedule", ['"0 6 * * *"', '{ every: 2d, at: "06:00", from: 2026-01-01 }'])
def test_systemd_takes_the_units(place, schedule):
    place.write("p.yaml", PIPELINE.format(schedule=schedule))
    place.write("in/a.csv", "id\n1\n")
    made = units(place)
    done = subprocess.run([ANALYZE, "verify", *made], cwd=place.folder / "units", capture_output=True, text=True)
    assert done.returncode == 0 and "trommel" not in done.stderr, done.stderr


def test_missed_is_told_to_systemd(place):
    for missed, persistent in (("once", "true"), ("skip", "false"), ("all", "true")):
        place.write("p.yaml", PIPELINE.format(schedule=f'{{ cron: "0 6 * * *", missed: {missed} }}'))
        timer = units(place)["trommel-nightly.timer"]
        assert f"Persistent={persistent}" in timer
        assert ("cannot be said" in timer) == (missed == "all")


def test_odd_paths_and_variables(place):
    folder = place.folder / "a b'c 100%"
    folder.mkdir()
    (folder / "p.yaml").write_text(PIPELINE.format(schedule="{ every: 15m }"))
    (folder / "in").mkdir()
    (folder / "in/a.csv").write_text("id\n1\n")
    made = units(place.__class__(folder), "-D", "NAME=$x")
    service = made["trommel-nightly.service"]
    assert "100%%" in service and "$$x" in service
    if ANALYZE:
        done = subprocess.run([ANALYZE, "verify", "trommel-nightly.service"], cwd=folder / "units", capture_output=True, text=True)
        assert done.returncode == 0 and "trommel" not in done.stderr, done.stderr
    # A line of a crontab really runs: cron hands it to sh, with % unescaped.
    line = place.__class__(folder).call("export", "cron", "p.yaml").stdout.splitlines()[-1]
    command = line.split(" ", 5)[5].replace("\\%", "%")
    assert "%" in command
    subprocess.run(["/bin/sh", "-c", command], cwd="/", check=True)
    assert (folder / "out/a.csv").read_text() == "id\n1\n"


def test_cron_lines(place):
    place.write("p.yaml", PIPELINE.format(schedule='{ cron: "15 6 * * mon-fri", zone: Europe/Berlin }'))
    lines = [line for line in place.call("export", "cron", "p.yaml").stdout.splitlines() if not line.startswith("#")]
    assert lines[0] == "CRON_TZ=Europe/Berlin"
    assert re.fullmatch(r"15 6 \* \* 1,2,3,4,5 cd '.*' && '.*' 'run' '.*p.yaml' '--quiet' --once", lines[1])
    place.write("p.yaml", PIPELINE.format(schedule="{ every: 2d, from: 2026-01-01 }"))
    refused = place.call("export", "cron", "p.yaml", code=78).stderr
    assert "cron has no words for every 2d from 2026-01-01 00:00, UTC" in refused and "export systemd" in refused


def test_a_pipeline_without_a_schedule(place):
    place.write("p.yaml", "sources: { a: { files: \"in/*.csv\" } }\nsinks: { b: { files: { path: out/ } } }\n")
    for kind in ("systemd", "cron"):
        assert "has no `schedule`" in place.call("export", kind, "p.yaml", code=78).stderr
