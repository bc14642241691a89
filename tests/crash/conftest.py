"""Where the crash tests work: in memory where there is room, for a run that is killed hundreds of times would wait for the disk most of its time."""
import os
import pathlib
import shutil
import tempfile

import pytest
from trip import Tripwire


@pytest.fixture(scope="module")
def workshop():
    memory = pathlib.Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 4 << 30
    folder = pathlib.Path(tempfile.mkdtemp(prefix="trommel-crash-", dir=memory if roomy else None))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def wire(workshop):
    aside = workshop / "aside"
    aside.mkdir()
    return Tripwire(aside)
