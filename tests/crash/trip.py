"""Runs the shipped binary with trip.c preloaded: killed, out of room or refused a sync at a chosen call, or killed in a chosen phase."""
import dataclasses
import mmap
import os
import pathlib
import struct
import subprocess

ROOT = pathlib.Path(os.environ.get("TROMMEL_SOURCE") or pathlib.Path(__file__).resolve().parents[2])
BUILD = pathlib.Path(os.environ.get("TROMMEL_BUILD") or ROOT / "build" / "release")
TROMMEL = os.environ.get("TROMMEL") or str(BUILD / "trommel")
PHASES = ["start", "read", "prepare", "checkpoint", "commit", "durable", "idle"]  # of trip.c, in its order


@dataclasses.dataclass
class Ended:
    code: int  # negative: by a signal
    said: str
    tripped: bool
    calls: int  # on files of the folder
    phase: str
    entered: dict  # how often each phase was
    spent: dict  # seconds in each phase, once it was left


@dataclasses.dataclass
class Call:
    name: str
    path: str  # below the folder, with a slash
    to: str  # of a rename: absolute
    kind: int
    tripped: bool

    @staticmethod
    def of(line):
        kind, name, rest = line[1:].split(" ", 2)
        path, _, to = rest.partition(" -> ")
        return Call(name, path, to, int(kind), line[0] == "*")

    def __str__(self):
        return f"{'*' if self.tripped else ' '} {self.name} {self.path}"


WRITES, TAKES_ROOM, SYNCS = 1, 2, 4  # kinds, of trip.c
COUNTS = {"torn": WRITES, "full": TAKES_ROOM, "sync": SYNCS}  # what each way to trip counts; kill counts everything


class Tripwire:
    """Its own files lie in `aside`, which must not be below the folders that are watched."""

    def __init__(self, aside):
        self.page, self.log_path, self.library = aside / "page", aside / "log", aside / "trip.so"
        if not self.library.exists():
            subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", self.library, ROOT / "tests/crash/trip.c"], check=True)

    def environment(self, folder, **settings):
        self.page.write_bytes(bytes(4096))
        if "log" in settings:
            self.log_path.unlink(missing_ok=True)
        out = {name: value for name, value in os.environ.items() if not name.startswith("TRIP_")}
        out.update(LD_PRELOAD=str(self.library), TRIP_FOLDER=str(folder), TRIP_PAGE=str(self.page))
        out.update({f"TRIP_{name.upper()}": str(value) for name, value in settings.items()})
        return out

    def start(self, folder, *arguments, **settings):
        return subprocess.Popen([TROMMEL, *arguments], cwd=folder, env=self.environment(folder, **settings), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def ended(self, process, timeout=300):
        try:
            said, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return self.look(process.returncode, said)

    def look(self, code=0, said=""):
        with open(self.page, "rb") as file, mmap.mmap(file.fileno(), 4096, access=mmap.ACCESS_READ) as page:
            phase, calls, tripped, *more = struct.unpack_from(f"@{3 + len(PHASES)}iq{len(PHASES)}q", page)
        entered, spent = more[:len(PHASES)], more[len(PHASES) + 1:]
        return Ended(code, said, bool(tripped), calls, PHASES[phase], dict(zip(PHASES, entered)), {name: us / 1e6 for name, us in zip(PHASES, spent)})

    def run(self, folder, *arguments, **settings):
        return self.ended(self.start(folder, *arguments, **settings))

    def log(self):
        """The calls of the last run that was given `log`."""
        return [Call.of(line) for line in self.log_path.read_text().splitlines()]
