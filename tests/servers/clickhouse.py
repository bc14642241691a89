"""Two ClickHouses on this machine, each a process with a folder of its own that is killed by its id: Debian's server (18.16, the newest that it
has) and a current engine (see clickhouse_engine.py). The library of the latter comes by the package client, and is kept in the cache folder."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from kafka import cache, free_port

LIBRARY = "26.7.3-stable.1"
CONFIG = """<yandex>
<logger><level>warning</level><console>1</console></logger>
<listen_host>127.0.0.1</listen_host><http_port>{port}</http_port><tcp_port>{tcp}</tcp_port>
<path>{folder}/data/</path><tmp_path>{folder}/tmp/</tmp_path>
<users_config>{folder}/users.xml</users_config><default_profile>default</default_profile><default_database>default</default_database>
<timezone>Europe/Berlin</timezone><mark_cache_size>67108864</mark_cache_size><mlock_executable>false</mlock_executable>
</yandex>
"""
USERS = """<yandex><profiles><default/></profiles>
<users><{user}><password>{password}</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></{user}></users>
<quotas><default/></quotas></yandex>
"""


def library():
    """The path of libchdb.so, fetched once."""
    folder = cache() / f"chdb-{LIBRARY}"
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        subprocess.run(["npm", "pack", "--silent", f"@chdb/lib-linux-x64-gnu@{LIBRARY}"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        (package,) = folder.glob("*.tgz")
        subprocess.run(["tar", "xzf", package.name, "--strip-components=1"], cwd=folder, check=True)
        package.unlink()
        (folder / "whole").touch()
    return folder / "libchdb.so"


class ServerError(Exception):
    pass


class Clickhouse:
    """A server, and questions to it through another client than ours."""

    tokens = True  # an INSERT that is repeated can add nothing

    def __init__(self, folder, user="default", password=""):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, self.user, self.password = free_port(), user, password
        self.process = None

    @property
    def address(self):
        who = f"{self.user}:{self.password}@" if self.password else ""
        return f"clickhouse://{who}127.0.0.1:{self.port}/default"

    def command(self):
        return [sys.executable, str(pathlib.Path(__file__).with_name("clickhouse_engine.py")), str(library()), str(self.folder / "data"), str(self.port), self.user if self.password else "", self.password]

    def start(self, **how):
        log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder, start_new_session=True, **how)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self.process.poll() is None, (self.folder / "log").read_text()[-3000:]
            try:
                if self.ask("SELECT 1") == "1\n":
                    return
            except OSError:
                time.sleep(0.02)
        raise AssertionError("ClickHouse did not come up")

    def kill(self):
        """As a power cut for the process: it says good-bye to nobody."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def ask(self, sql, **settings):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/?{urllib.parse.urlencode(settings)}", data=sql.encode(),
                                         headers={"X-ClickHouse-User": self.user, "X-ClickHouse-Key": self.password})
        try:
            return urllib.request.urlopen(request, timeout=60).read().decode()
        except urllib.error.HTTPError as error:
            raise ServerError(error.read().decode()) from None

    def rows(self, sql):
        return [tuple(line.split("\t")) for line in self.ask(sql).splitlines()]


class OldClickhouse(Clickhouse):
    tokens = False

    def __init__(self, folder, **who):
        super().__init__(folder, **who)
        for name in ("data", "tmp"):
            (self.folder / name).mkdir(exist_ok=True)
        (self.folder / "config.xml").write_text(CONFIG.format(port=self.port, tcp=free_port(), folder=self.folder))
        (self.folder / "users.xml").write_text(USERS.format(user=self.user, password=self.password))

    def command(self):
        return ["clickhouse-server", f"--config-file={self.folder}/config.xml"]

    def start(self):
        super().start(env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"})
