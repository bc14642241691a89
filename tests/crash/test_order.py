"""What would a power cut leave? From the calls of a run in their order: what lasts whatever happens, at the moments when the protocol relies on it.

A kill loses nothing that was written; a power cut may lose what was not synced: the bytes of a file until fsync of the file, its name (and that of a folder,
and a rename, and that something is gone) until fsync of the folder. Strictly so: file systems that do more are a gift. syncfs makes everything last."""
import os
import re

import pytest
from jobs import JOBS


class Disk:
    """Names below the job's folder: which of them have bytes or a name that would not last; and names that would come back."""

    def __init__(self):
        self.unsynced_bytes, self.unsynced_names, self.unsynced_gone = set(), set(), set()
        self.there, self.folders = set(), set()  # made by this run

    def does(self, call, to):
        path = os.path.normpath(call.path or "/")
        if call.name in ("open", "mkdir"):
            if path not in self.there and (call.name == "mkdir" or call.kind):  # kind: it takes a name
                self.there.add(path)
                if call.name == "mkdir":
                    self.folders.add(path)
                self.unsynced_names.add(path)
                self.unsynced_gone.discard(path)
        elif call.name in ("write", "pwrite", "writev", "ftruncate"):
            if call.kind:  # a file that becomes shorter may as well stay long
                self.unsynced_bytes.add(path)
        elif call.name == "rename":
            for names in (self.unsynced_bytes, self.there):
                if path in names:
                    names.discard(path)
                    names.add(to)
            self.unsynced_names.discard(path)
            self.unsynced_names.add(to)
            self.unsynced_gone.add(path)
        elif call.name == "unlink":
            if path in self.there or "/.trommel-" in path:
                self.unsynced_gone.add(path)
            for names in (self.unsynced_bytes, self.unsynced_names, self.there):
                names.discard(path)
        elif call.name == "syncfs":
            for names in (self.unsynced_bytes, self.unsynced_names, self.unsynced_gone):
                names.clear()
        elif call.name in ("fsync", "fdatasync"):
            self.unsynced_bytes.discard(path)
            for names in (self.unsynced_names, self.unsynced_gone):
                names.difference_update([name for name in names if os.path.dirname(name) == path])

    def missing(self, path):
        """Why a file would not be there as it is now."""
        if path in self.unsynced_bytes:
            yield f"bytes of {path}"
        while path != "/":
            if path in self.unsynced_names:
                yield f"name of {path}"
            path = os.path.dirname(path)

    def comes_back(self, path):
        """Whether a name that is gone could be there again: it is not if a folder above it is gone for good."""
        above = path
        while above != "/":
            if above not in self.unsynced_gone and above not in self.there and above != path and not above.endswith(("/in", "/refused", "/taken")):
                return False
            above = os.path.dirname(above)
        return path in self.unsynced_gone


class Order:
    """Follows the calls of a run, and notes each breach of what the protocol relies on."""

    def __init__(self, folder):
        self.disk, self.folder, self.breaches = Disk(), str(folder), []
        self.finals, self.checkpoint, self.moments = set(), None, 0

    def must_last(self, moment, paths):
        self.moments += 1
        for path in paths:
            self.breaches += [f"{moment}: the {what} would not last" for what in self.disk.missing(path)]

    def call(self, call):
        path, to = os.path.normpath(call.path or "/"), call.to.removeprefix(self.folder)
        state = "/.trommel/job/"
        if call.name == "rename" and re.search(r"/checkpoint-\d+\.json$", to):
            prepared = [name for name in self.disk.there if name.endswith(".tmp") or name.startswith((state + "spool/", state + "transforms/", "/in/.trommel-"))]
            self.must_last("a checkpoint names", prepared)
            self.breaches += [f"a checkpoint appears: its bytes would not last: {path}"] if path in self.disk.unsynced_bytes else []
            self.checkpoint = to
        elif self.checkpoint and ((call.name == "rename" and path.endswith(".tmp")) or (".duckdb" in path and call.name != "unlink")):
            self.must_last("something is published", [self.checkpoint])
        elif call.name in ("unlink", "rename") and "/in/.trommel-" in path and self.checkpoint:
            self.must_last("an input is put away", [*self.finals, self.checkpoint])
        elif path == state + "taken.jsonl" and call.name == "write":
            self.must_last("an epoch is said to be done", self.finals)
            self.breaches += [f"an epoch is said to be done: the input {name} could come back" for name in self.disk.unsynced_gone
                              if "/in/.trommel-" in name and name not in self.disk.folders and self.disk.comes_back(name)]
        elif call.name == "unlink" and path.startswith(state + "spool/") and path in self.disk.there:
            self.must_last("a segment goes", [state + "taken.jsonl"])
        self.disk.does(call, to)
        if call.name == "rename" and path.endswith(".tmp"):
            self.finals.add(to)
        if call.name == "rename" and to.endswith(".duckdb"):
            self.finals.add(to)


@pytest.mark.parametrize("name", JOBS)
def test_what_the_protocol_relies_on_would_last(workshop, wire, name):
    job = JOBS[name](workshop / name)
    job.prepare()
    end = wire.run(job.folder, *job.arguments, do="kill", at=0, log=wire.log_path)  # at 0: never, but calls come one after the other
    assert end.code == 0, end.said
    order = Order(job.folder)
    for call in wire.log():
        order.call(call)
    assert order.moments > 15
    assert not order.breaches, "\n".join(sorted(set(order.breaches)))
