"""Processes that a race starts and measures, and where it keeps what it found."""
import datetime
import json
import os
import pathlib
import platform
import signal
import socket
import subprocess
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
TICKS = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """One of the race's own, with its CPU seconds while it runs and after."""

    def __init__(self, command, folder, name, **environment):
        self.log = pathlib.Path(folder) / f"{name}.log"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([str(part) for part in command], cwd=folder, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.ended, self.peak = None, 0.0

    def running(self):
        """Without taking its exit code, which wait() needs."""
        return self.ended is None and os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def cpu(self):
        """User and system, its threads included."""
        if self.ended is not None:
            return self.ended
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def peak_mb(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def alive(self):
        if self.running():
            return
        raise RuntimeError(f"{self.process.args} ended: {self.log.read_text()[-3000:]}")

    def until(self, what, why, seconds=120, pause=0.02):
        deadline = time.monotonic() + seconds
        while not what():
            self.alive()
            if time.monotonic() > deadline:
                raise RuntimeError(f"waited in vain for {why}: {self.log.read_text()[-3000:]}")
            time.sleep(pause)

    def until_answers(self, url):
        def answers():
            try:
                return urllib.request.urlopen(url, timeout=5).status == 200
            except OSError:
                return False
        self.until(answers, url)

    def wait(self):
        """Until it ends by itself."""
        if self.ended is None:
            _, status, usage = os.wait4(self.process.pid, 0)
            self.process.returncode = os.waitstatus_to_exitcode(status)
            self.ended, self.peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
            if self.process.returncode > 0:
                raise RuntimeError(f"{self.process.args} ended: {self.log.read_text()[-3000:]}")
        return self.ended

    def end(self, with_signal=signal.SIGINT):
        if self.ended is None:
            os.kill(self.process.pid, with_signal)  # send_signal() would take its exit code
        return self.wait()


def bench_binary(name):
    """One of bench/*.cc, built when it is not."""
    subprocess.run([ROOT / "scripts/build", "release", name], check=True, stdout=subprocess.DEVNULL)
    return ROOT / "build/release/bench" / name


def load():
    return os.getloadavg()[0]


def keep(name, text, results):
    day = datetime.date.today().isoformat()
    (HERE / "results" / f"{name}-{day}.md").write_text(text)
    (HERE / "results" / f"{name}-{day}.json").write_text(json.dumps({"machine": platform.processor() or platform.machine(), "cores": os.cpu_count(), **results}, indent=1) + "\n")
