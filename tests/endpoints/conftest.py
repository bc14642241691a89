"""A pipeline with views and endpoints, run and served, and requests to it."""

import json
import os
import pathlib
import random
import re
import signal
import subprocess
import urllib.error
import urllib.request

import pytest

TROMMEL = os.environ["TROMMEL"]

PIPELINE = """
name: rounds
sources: { drops: { files: { path: rounds.csv }, contract: { id: BIGINT, played: TIMESTAMP, game: INTEGER, player: VARCHAR, bet: DOUBLE, price: "DECIMAL(9,2)" } } }
sinks: { table: { store: warehouse, table: rounds } }
stores: { warehouse: "duckdb:rounds.duckdb" }
views:
  hourly: { by: [hour, game], sql: "SELECT date_trunc('hour', played) AS hour, game, count(*) AS rounds, sum(bet) AS bets FROM rounds GROUP BY ALL" }
endpoints:
  /rounds:
    sql: SELECT * FROM rounds
    description: Every round.
    filters: { player: player in, game: game =, from: played >=, until: played <, price: price = }
    order_by: played
    key: id
    page: { default: 10, max: 1000 }
  /hourly:
    sql: SELECT * FROM hourly
    filters: { from: hour >=, until: hour < }
    order_by: [hour desc, game]
    key: [hour, game]
    page: { number: page_num, default: 10, max: 50 }
  /players:
    sql: SELECT player, sum(bet) AS bets FROM rounds WHERE game = $game AND played >= $since GROUP BY player
    parameters: { game: { type: int32, required: true }, since: { type: date, default: 2026-01-01 } }
    order_by: bets desc
    max_rows: 50
"""


def rounds(count=2000):
    draw = random.Random(7)
    lines = ["id,played,game,player,bet,price"]
    for i in range(count):
        at = draw.randrange(3 * 86400)
        played = f"2026-01-0{1 + at // 86400} {at // 3600 % 24:02}:{at // 60 % 60:02}:{at % 60:02}"
        lines.append(f"{i},{played},{draw.randrange(5)},p{draw.randrange(20)},{draw.randrange(400) / 4},{draw.randrange(10**4) / 100}")
    return "\n".join(lines) + "\n"


class Served:
    """`server` is a section of the pipeline file, `arguments` are those of `serve`."""

    def __init__(self, folder: pathlib.Path, server="", arguments=("--listen", "127.0.0.1:0")):
        self.folder, self.context = folder, None
        (folder / "p.yaml").write_text(PIPELINE)
        (folder / "rounds.csv").write_text(rounds())
        self.call("run", "p.yaml")
        (folder / "p.yaml").write_text(PIPELINE + server)
        self.process = subprocess.Popen([TROMMEL, "serve", "p.yaml", *arguments], cwd=folder, stderr=subprocess.PIPE, text=True)
        said = self.process.stderr.readline()
        self.address = re.search(r"listening at (https?://\S+)", said).group(1)

    def call(self, *words, code=0):
        done = subprocess.run([TROMMEL, *words], cwd=self.folder, capture_output=True, text=True, timeout=120)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def get(self, target, accept=None, **headers):
        """Status, headers and body."""
        request = urllib.request.Request(self.address + target, headers={"Accept": accept or "*/*", **headers})
        try:
            with urllib.request.urlopen(request, timeout=30, context=self.context) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def json(self, target):
        status, _, body = self.get(target)
        assert status == 200, body
        return json.loads(body)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=60) == 0


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    server = Served(tmp_path_factory.mktemp("served"))
    yield server
    if server.process.poll() is None:
        server.stop()
