"""Completion scripts, in the shells themselves."""
import json
import os
import pty
import re
import select
import shutil
import subprocess
import time

import pytest

from conftest import BINARY


@pytest.fixture
def bash(trommel, tmp_path):
    script = tmp_path / "trommel.bash"
    script.write_text(trommel("completion", "bash").out)
    subprocess.run(["bash", "-n", script], check=True)

    def complete(*words):
        asked = " ".join("'" + word + "'" for word in words)
        text = (f"source {script}; COMP_WORDS=({asked}); COMP_CWORD={len(words) - 1}; "
                "_trommel; printf '%s\\n' \"${COMPREPLY[@]}\"")
        done = subprocess.run(["bash", "--norc", "-c", text], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        return [line for line in done.stdout.splitlines() if line]
    return complete


def long_options(trommel, *verb):
    head = trommel(*verb, "--help").out.split("Examples:")[0]
    return set(re.findall(r"^  (?:-\w,)?(--[a-z-]+)", head, re.M))


def test_bash_knows_every_verb_and_option(trommel, bash):
    verbs = bash("trommel", "")
    assert {"convert", "preview", "run", "rejects", "completion"} <= set(verbs)
    assert bash("trommel", "pre") == ["preview"]
    assert bash("trommel", "rejects", "") == ["list", "show", "export", "replay"]
    for verb in [["convert"], ["run"], ["rejects", "show"], ["describe"]]:
        assert {word for word in bash("trommel", *verb, "--") if word.startswith("--")} == long_options(trommel, *verb)


def test_bash_fills_in_values_and_files(trommel, bash):
    trommel.write("a pipeline.yaml", "")
    trommel.write("data.csv", "")
    (trommel.folder / "folder").mkdir()
    assert bash("trommel", "run", "--log-format", "") == ["plain", "key_value", "json"]
    assert bash("trommel", "run", "--log-format", "=", "js") == ["json"]
    assert bash("trommel", "run", "--log-format", "=") == ["plain", "key_value", "json"]
    assert set(bash("trommel", "run", "-q", "--memory", "1GB", "")) == {"a pipeline.yaml", "folder"}
    assert bash("trommel", "convert", "da") == ["data.csv"]
    assert bash("trommel", "convert", "-d", "x", "data.csv", "da") == ["data.csv"]
    assert bash("trommel", "describe", "--markdown", "fo") == ["folder"]
    assert bash("trommel", "completion", "") == ["bash", "zsh", "fish"]
    assert bash("trommel", "run", "--lanes", "") == []


def test_bash_knows_the_components(trommel, bash):
    names = {component["name"] for component in json.loads(trommel("describe", "--json").out)}
    assert set(bash("trommel", "describe", "")) == names


class Typist:
    """Types into a shell that has a terminal of its own, and reads what it shows."""

    def __init__(self, command, folder, **environment):
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, {**os.environ, "TERM": "dumb", "PS1": "> ", **environment})

    def type(self, keys):
        os.write(self.terminal, keys.encode())

    def shows(self, wanted, seconds=30):
        """Waits for a text; colours and cursor moves do not count."""
        seen, end = "", time.monotonic() + seconds
        while time.monotonic() < end:
            if not select.select([self.terminal], [], [], 0.1)[0]:
                continue
            seen += os.read(self.terminal, 65536).decode(errors="replace")
            seen = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|.\x08|\x07", "", seen)
            if re.search(wanted, seen):
                return
        raise AssertionError(f"{wanted} is not in {seen!r}")

    def __enter__(self):
        self.shows("> ")
        return self

    def __exit__(self, *_):
        os.kill(self.child, 9)
        os.close(self.terminal)
        os.waitpid(self.child, 0)


def test_bash_in_a_terminal(trommel):
    with Typist(["bash", "--norc", "--noprofile", "-i"], trommel.folder) as shell:
        shell.type(f"source <({os.path.abspath(BINARY)} completion bash); echo rea''dy\n")
        shell.shows("ready")
        shell.type("trommel run --log-form\tk\t")
        shell.shows("--log-format key_value")


needs_zsh = pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed (scripts/system_packages python)")
needs_fish = pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed (scripts/system_packages python)")


@needs_zsh
def test_zsh_in_a_terminal(trommel):
    trommel.write("pipeline.yaml", "")
    trommel.write("pipeline.csv", "")
    with Typist(["zsh", "-f", "-i"], trommel.folder, HOME=str(trommel.folder)) as shell:
        shell.type("autoload -U compinit; compinit -u -D; "
                   f"source <({os.path.abspath(BINARY)} completion zsh); echo rea''dy\n")
        shell.shows("ready")
        for keys, wanted in [("trommel prev\t", "preview"), ("trommel run --log-form\tk\t", "key_value"),
                             ("trommel rejects sh\t", "show"), ("trommel rejects show --reas\t", "--reason"),
                             ("trommel describe cle\t", "clean"), ("trommel run pip\t", "pipeline.yaml")]:
            shell.type("\x15" + keys)  # the line before goes
            shell.shows(wanted)


@needs_fish
def test_fish(trommel):
    trommel.write("pipeline.yaml", "")
    script = trommel.write("trommel.fish", trommel("completion", "fish").out)

    def complete(line):
        done = subprocess.run(["fish", "--no-config", "-c", f"source {script}; complete -C '{line}'"], capture_output=True,
                              text=True, check=True, cwd=trommel.folder,
                              env={**os.environ, "HOME": str(trommel.folder)})
        assert done.stderr == ""
        return {answer.split("\t")[0] for answer in done.stdout.splitlines()}
    assert {"convert", "preview", "rejects"} <= complete("trommel ")
    assert complete("trommel rejects ") >= {"list", "show", "export", "replay"}
    assert complete("trommel run --log-format ") == {"plain", "key_value", "json"}
    assert complete("trommel rejects show --") >= long_options(trommel, "rejects", "show") - {"--help"}
    assert "pipeline.yaml" in complete("trommel run pip")
    assert "clean" in complete("trommel describe ") and "pipeline.yaml" not in complete("trommel describe ")
