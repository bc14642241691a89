"""Where a run says what it does: a file of its own, in the chosen format, added to by every run."""
import json
import os
import re

PIPELINE = """\
name: people
sources: { drops: { files: { path: "*.csv" } } }
sinks: { lake: { files: { path: out.json } } }
"""


def rows(count):
    return "id,name\n" + "".join(f"{i},n{i}\n" for i in range(count))


def test_log_file_of_the_pipeline_is_beside_it_and_added_to(trommel):
    trommel.write("job/in.csv", rows(3))
    trommel.write("job/pipeline.yaml", PIPELINE + "log: logs/conversion_log.txt\n")
    done = trommel("run", "job/pipeline.yaml", "-q")
    assert "outcome=" not in done.err, "what goes to the file is not said twice"
    first = trommel.read("job/logs/conversion_log.txt")
    for line in first.splitlines():
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (INFO |WARN |ERROR) .+", line)
    assert "outcome=published epoch=1 read=3" in first
    trommel("run", "job/pipeline.yaml")
    second = trommel.read("job/logs/conversion_log.txt")
    assert second.startswith(first) and "nothing_new" in second[len(first):]


def test_log_of_the_command_line_goes_before_the_pipelines(trommel):
    trommel.write("job/in.csv", rows(3))
    trommel.write("job/pipeline.yaml", PIPELINE + "log: { file: never.txt, format: plain }\n")
    trommel("run", "job/pipeline.yaml", "--log", "run.log", "--log-format", "json")
    lines = [json.loads(line) for line in trommel.read("run.log").splitlines()]
    assert all({"time", "level", "message"} <= set(line) for line in lines)
    assert "outcome=published" in lines[-1]["message"]
    assert not os.path.exists(trommel.folder / "job/never.txt")
    done = trommel("run", "job/pipeline.yaml", "--log", "-", "--log-format", "key_value")
    assert re.search(r'^time=\S+ level=info message=".*outcome=nothing_new', done.err, re.M)


def test_what_stopped_a_run_is_in_its_log(trommel):
    trommel.write("in.csv", rows(200) + "1,2,3,4\n")
    trommel.write("pipeline.yaml", PIPELINE + "log: { file: run.log, format: key_value }\n")
    done = trommel("run", "pipeline.yaml", expect=1)
    log = trommel.read("run.log")
    assert "level=error" in log and "max_rejects is 0" in log and "max_rejects is 0" in done.err
    assert all(line.startswith("time=") for line in log.splitlines())


def test_log_rotates_and_keeps_every_line(trommel):
    trommel.write("in.csv", rows(3))
    trommel.write("pipeline.yaml", PIPELINE + "log: { file: run.log, max_size: 300, keep: 100 }\n")
    for _ in range(12):
        trommel("run", "pipeline.yaml")
    files = list(trommel.folder.glob("run.log*"))
    assert len(files) > 3 and all(file.stat().st_size <= 300 for file in files)
    text = "".join(file.read_text() for file in files)
    assert text.count("outcome=published") == 1 and text.count("outcome=nothing_new") == 11


def test_wrong_settings_of_log(trommel):
    trommel.write("pipeline.yaml", PIPELINE + "log: { fil: run.log, format: text, keep: 0 }\n")
    done = trommel("lint", "pipeline.yaml", expect=78)
    assert "did you mean `file`?" in done.err and "plain, key_value, json" in done.err
    trommel.write("pipeline.yaml", PIPELINE + "log: { file: run.log, keep: 0, max_size: 0 }\n")
    done = trommel("lint", "pipeline.yaml", expect=78)
    assert "pipeline.yaml:4:29: `keep` must be at least 1" in done.err and "`max_size` must be at least 1" in done.err


def test_a_log_that_cannot_be_opened_stops_the_run_before_it_begins(trommel):
    trommel.write("in.csv", rows(3))
    trommel.write("pipeline.yaml", PIPELINE)
    trommel.write("blocked", "a file where a folder should be")
    done = trommel("run", "pipeline.yaml", "--log", "blocked/run.log", expect=1)
    assert "blocked" in done.err
    assert not (trommel.folder / "out.json").exists()
