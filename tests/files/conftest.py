import os
import subprocess

import pytest

BINARY = os.path.abspath(os.environ.get("TROMMEL", "build/release/trommel"))


@pytest.fixture
def trommel(tmp_path):
    """Runs the binary in a folder of its own and gives what it printed; a failure is one of the test, unless an exit code is expected."""

    def run(*words, stdin=None, expect=0):
        done = subprocess.run([BINARY, *map(str, words)], cwd=tmp_path, input=stdin, capture_output=True, timeout=300)
        text = done.stdout.decode() + done.stderr.decode()
        assert done.returncode == expect, f"{words}: exit {done.returncode}\n{text}"
        return text

    return run
