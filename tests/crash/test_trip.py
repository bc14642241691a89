"""That trip.c sees every call that changes a file: strace, which sees them where the system does them, counts the same ones in the same run."""
import collections
import os
import re
import shutil
import subprocess

import pytest
from jobs import JOBS
from trip import TROMMEL

CALLS = {"openat": "open", "open": "open", "creat": "open", "write": "write", "pwrite64": "pwrite", "writev": "writev", "pwritev": "?", "pwritev2": "?", "fsync": "fsync",
         "fdatasync": "fdatasync", "syncfs": "syncfs", "sync_file_range": "?", "rename": "rename", "renameat": "rename", "renameat2": "rename", "unlink": "unlink",
         "unlinkat": "unlink", "rmdir": "unlink", "mkdir": "mkdir", "mkdirat": "mkdir", "ftruncate": "ftruncate", "truncate": "?", "fallocate": "fallocate", "link": "link",
         "linkat": "link", "symlink": "?", "symlinkat": "?", "copy_file_range": "?", "sendfile": "?", "splice": "?", "msync": "?"}


def seen_by_strace(lines, folder):
    """Calls on files of the folder, as trip.c names them; `?` for one that it knows nothing of."""
    found = collections.Counter()
    for line in lines:
        call = re.match(r"(?:\d+ +)?(\w+)\((.*)", line)
        if not call or call[1] not in CALLS:
            continue
        name, rest = call.groups()
        if name in ("openat", "open") and not re.search(r"O_CREAT|O_TRUNC", rest):
            continue
        path = re.match(r'(?:AT_FDCWD<[^>]*>, |AT_FDCWD, )?(?:"([^"]*)"|\d+<([^>]*)>)', rest)
        path = (path[1] or path[2]) if path else ""
        if path.startswith(f"{folder}/") or path == folder or (path and not path.startswith("/") and ":" not in path):
            found[CALLS[name]] += 1
    return found


@pytest.mark.parametrize("name", JOBS)
def test_strace_counts_the_same(workshop, wire, name):
    if shutil.which("strace") is None or subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True).returncode != 0:
        pytest.skip("strace is not there, or not allowed")
    job, trace = JOBS[name](workshop / name), wire.page.parent / "strace.txt"
    job.prepare()
    environment = wire.environment(job.folder, log=wire.log_path)
    preload = environment.pop("LD_PRELOAD")
    done = subprocess.run(["strace", "-f", "-y", "-E", f"LD_PRELOAD={preload}", "-e", "trace=" + ",".join(f"?{call}" for call in CALLS), "-o", trace, TROMMEL, *job.arguments],
                          cwd=job.folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    assert done.returncode == 0, done.stdout
    ours = collections.Counter(call.name for call in wire.log())
    assert sum(ours.values()) > 150
    assert ours == seen_by_strace(trace.read_text(errors="replace").splitlines(), str(job.folder))
