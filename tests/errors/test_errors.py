"""What `trommel lint` says to each pipeline file here, all of it in one golden file: expected.txt.

After a change of words: `UPDATE=1 pytest tests/errors`, then look at the difference."""
import os
import pathlib
import re
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
EXPECTED = HERE / "expected.txt"
CASES = sorted(path.name for path in HERE.glob("*.yaml"))

# Messages that no file of this size can bring about, and of kinds of fields that no component has yet; units have them.
OUT_OF_REACH = {" MiB of text, aliases unfolded", "a whole number of 32 bits"}


def said_to(name):
    environment = {key: value for key, value in os.environ.items() if key not in ("NOT_SET_ANYWHERE", "ALSO_NOT_SET", "DB_PASSWORD", "HALF_OPEN")}
    done = subprocess.run([os.environ["TROMMEL"], "lint", name], cwd=HERE, env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return f"== {name}: exit {done.returncode}\n{done.stdout}\n"


@pytest.fixture(scope="module")
def said():
    return {name: said_to(name) for name in CASES}


def sections(text):
    return dict((part.split(":")[0], "== " + part) for part in text.split("== ")[1:])


def test_all_is_said_as_expected(said):
    text = "".join(said.values())
    if os.environ.get("UPDATE"):
        EXPECTED.write_text(text)
    expected = sections(EXPECTED.read_text())
    wrong = [name for name in sorted({*said, *expected}) if said.get(name) != expected.get(name)]
    assert not wrong, "\n".join(f"--- expected\n{expected.get(name, '')}+++ said\n{said.get(name, '')}" for name in wrong)


def test_every_file_has_a_mistake_with_its_place(said):
    for name, text in said.items():
        assert text.startswith(f"== {name}: exit 78\n"), text
        assert re.search(rf"^{re.escape(name)}:\d+:\d+: |^contracts/.*:\d+:\d+: ", text, re.MULTILINE), text


def test_eight_mistakes_are_told_at_once(said):
    places = re.findall(r"^eight_mistakes\.yaml:(\d+):\d+: ", said["eight_mistakes.yaml"], re.MULTILINE)
    planted = [str(number) for number, line in enumerate((HERE / "eight_mistakes.yaml").read_text().splitlines(), 1) if re.search(r"# \d ", line)]
    assert places == planted


def test_secrets_stay_secret(said):
    assert "hunter2" in (HERE / "secrets.yaml").read_text()
    assert not [name for name, text in said.items() if "hunter2" in text]


def arguments(text, begin):
    """The texts between quotes in each argument of the call whose bracket opens before `begin`."""
    out, depth, at = [[]], 1, begin
    while depth:
        if text[at] == '"':
            end = at + 1
            while text[end] != '"':
                end += 2 if text[end] == "\\" else 1
            out[-1].append(text[at + 1:end])
            at = end
        elif text[at] == "'":
            at = text.index("'", at + (3 if text[at + 1] == "\\" else 1))
        elif text[at] in "([{":
            depth += 1
        elif text[at] in ")]}":
            depth -= 1
        elif text[at] == "," and depth == 1:
            out.append([])
        at += 1
    return out


def messages():
    """The longest fixed piece of every mistake that src/spec, src/config and the engine's graph can tell of."""
    found = {}
    sources = [*(ROOT / "src/spec").glob("*"), *(ROOT / "src/config").glob("*"), ROOT / "src/engine/graph.cc"]
    for path in sources:
        if path.name.endswith("_test.cc"):
            continue
        text = path.read_text()
        for call in re.finditer(r"(?:problems_?|found_?)\.add\(|wrong_type\(|\bwrong\(|config_error\(", text):
            given = arguments(text, call.end())
            what = given[0] if call.group().startswith("wrong(") else given[2] if call.group().startswith("wrong_type") and len(given) > 2 else given[1] if len(given) > 1 else []
            pieces = [piece for literal in what for piece in re.split(r"\{\}|\\.", literal)]
            if pieces and len(max(pieces, key=len)) >= 6:
                found[max(pieces, key=len)] = path.name
    return found


def test_every_message_is_told_somewhere():
    golden = EXPECTED.read_text()
    assert len(messages()) > 40
    missing = {piece: where for piece, where in messages().items() if piece not in golden and piece not in OUT_OF_REACH}
    assert not missing
