"""What the command line says before it touches any data."""
import json
import os
import pathlib
import pty
import re
import subprocess

import pytest

from conftest import BINARY

VERBS = ["convert", "preview", "profile", "query", "init", "lint", "plan", "run", "rejects", "rejects list", "rejects show", "describe", "completion", "version"]


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_examples_that_parse(trommel, verb):
    text = trommel(*verb.split(), "--help").out
    assert text.startswith(text.splitlines()[0])
    assert f"Usage: trommel {verb}" in text
    examples = [line.strip() for line in text.split("Examples:\n")[1].splitlines() if line.strip().startswith("trommel ")]
    assert examples
    assert all(line.startswith("trommel " + verb.split()[0]) for line in examples)
    assert "REQUIRED" not in text and "SUBCOMMAND" not in text and "\n\n\n" not in text
    options = set(re.findall(r"--[a-z-]+", text.split("Examples:")[0])) | {"--help"}
    used = set(re.findall(r" (--[a-z-]+)", "\n".join(examples)))
    if verb != "rejects":
        assert used <= options, used - options


def test_top_help_names_every_verb_and_exit_code(trommel):
    text = trommel("--help").out
    for verb in VERBS:
        assert re.search(rf"^  {verb.split()[0]} ", text, re.M)
    for code in ["64", "78"]:
        assert code in text


@pytest.mark.parametrize("words, said", [
    ([], "Usage: trommel"),
    (["rnu"], "there is no verb `rnu` (did you mean `run`?)"),
    (["frobnicate"], "verbs: convert, preview, profile, query"),
    (["run"], "FILE is required (see `trommel run --help`)"),
    (["run", "a.yaml", "--frobnicate"], "--frobnicate (see `trommel run --help`)"),
    (["rejects"], "trommel rejects needs one verb more"),
    (["run", "a.yaml", "--memory", "lots"], "lots is no number of bytes"),
    (["run", "a.yaml", "--max-rejects", "many"], "many is neither a number of rows nor a share"),
    (["run", "a.yaml", "-D", "WAREHOUSE"], "NAME=value is wanted"),
    (["query", "a.csv", "select 1", "--json", "--csv"], "--json excludes --csv"),
    (["describe", "claen"], "there is no component `claen` (did you mean `clean`?)"),
])
def test_wrong_command_lines_are_64(trommel, words, said):
    done = trommel(*words, expect=64)
    assert said in done.err
    assert done.out == ""


def test_version(trommel):
    assert re.fullmatch(r"trommel \d+\.\d+\.\d+\n", trommel("version").out)
    assert trommel("--version").out == trommel("version").out
    assert json.loads(trommel("version", "--json").out)["name"] == "trommel"


def test_describe(trommel):
    listed = trommel("describe").out
    for name in ["clean", "check", "sql", "files", "duckdb"]:
        assert re.search(rf"\b{name}\b", listed)
    for component in json.loads(trommel("describe", "--json").out):
        assert trommel("describe", component["name"]).out
    fields = json.loads(trommel("describe", "clean", "--json").out)[0]["fields"]
    assert {"names", "trim", "nulls"} <= {field["name"] for field in fields}
    schema = json.loads(trommel("describe", "--schema").out)
    transforms = schema["properties"]["transforms"]["additionalProperties"]
    assert {"clean", "check", "sql", "from"} <= set(json.dumps(transforms).split('"'))


def test_describe_writes_the_reference(trommel):
    trommel("describe", "--all", "--markdown", "reference")
    pages = {path.name for path in (trommel.folder / "reference").iterdir()}
    assert {"README.md", "clean.md", "check.md", "pipeline.md"} <= pages
    for page in re.findall(r"\]\((.*?)\)", trommel.read("reference/README.md")):
        assert page in pages


def test_examples_of_components_are_linted(trommel):
    whole = 0
    for number, component in enumerate(json.loads(trommel("describe", "--all", "--json").out)):
        example = component.get("example", "")
        if re.search("^sources:", example, re.M) and re.search("^sinks:", example, re.M):
            trommel.write(f"{number}.yaml", example)
            trommel("lint", f"{number}.yaml")
            whole += 1
    assert whole >= 3


def test_reference_is_fresh(trommel):
    written = pathlib.Path(os.environ.get("TROMMEL_SOURCE", ".")) / "docs/reference"
    trommel("describe", "--all", "--markdown", "reference")
    fresh = {path.name: path.read_text() for path in (trommel.folder / "reference").iterdir()}
    stale = {path.name: path.read_text() for path in written.glob("*.md")}
    assert fresh == stale, "docs/reference is stale: `make reference` writes it"


MISTAKES = """\
name: eight
max_rejcts: 3
sources:
  drops:
    files: { path: in.csv, delimeter: ";" }
transforms:
  tidy:
    clean: { names: camel, trim: perhaps }
  sound:
    from: tiddy
    check: { rules: { age: { mni: 0 } } }
sinks:
  tidy: { from: sound, files: { path: out.parquet } }
  table: { from: sound, store: warehouse, table: people }
"""


def test_lint_says_every_mistake_at_once(trommel):
    trommel.write("p.yaml", MISTAKES)
    done = trommel("lint", "p.yaml", expect=78)
    places = re.findall(r"^p\.yaml:(\d+):(\d+): ", done.err, re.M)
    assert [int(line) for line, _ in places] == sorted(int(line) for line, _ in places)
    assert {2, 5, 8, 10, 11, 13, 14} <= {int(line) for line, _ in places}, done.err
    for hint in ["`max_rejects`", "`delimiter`", "snake_case", "true or false", "`tidy`", "`min`"]:
        assert hint in done.err, done.err
    assert len([line for line in places if line[0] == "8"]) == 2
    assert f"error: {len(places)} mistakes" in done.err
    assert [p["line"] for p in json.loads(trommel("lint", "p.yaml", "--json", expect=78).out)] == [int(line) for line, _ in places]
    for verb in ["run", "plan"]:
        told = trommel(verb, "p.yaml", expect=78).err.splitlines()
        assert len(told) >= 8 and set(told[:-1]) <= set(done.err.splitlines())


def test_lint_without_the_data(trommel):
    trommel.write("p.yaml", "name: p\nsources: { a: { files: nowhere.csv } }\nsinks: { b: { files: out.csv } }\n")
    done = trommel("lint", "p.yaml")
    assert "columns were not checked" in done.err and "p.yaml: no mistake found" in done.err


def test_missing_pipeline_file(trommel):
    assert "nowhere.yaml" in trommel("run", "nowhere.yaml", expect=78).err


def test_secrets_are_never_said(trommel):
    trommel.write("p.yaml", "name: s\nsources: { a: { files: in.csv } }\nsinks: { t: { store: w, table: x } }\n"
                            "stores: { w: 'mysqll://root:hunter2@host/db' }\n")
    done = trommel("lint", "p.yaml", expect=78)
    assert "hunter2" not in done.err + done.out


def on_a_terminal(folder, *words, env=None):
    """What a person sees: the binary on a pseudo-terminal."""
    master, slave = pty.openpty()
    process = subprocess.Popen([BINARY, *words], cwd=folder, stdin=slave, stdout=slave, stderr=slave,
                               env={**os.environ, "TERM": "xterm", **(env or {})})
    os.close(slave)
    seen = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    process.wait(30)
    os.close(master)
    return seen.decode()


def test_colour_only_on_a_terminal(trommel):
    assert "\x1b" not in trommel("rnu", expect=64).err
    env = {"NO_COLOR": ""}
    assert "\x1b[1;31merror:\x1b[0m" in on_a_terminal(trommel.folder, "rnu", env=env)
    assert "\x1b" not in on_a_terminal(trommel.folder, "rnu", env={"NO_COLOR": "1"})
    assert "\x1b" not in on_a_terminal(trommel.folder, "rnu", env={"TERM": "dumb", "NO_COLOR": ""})
