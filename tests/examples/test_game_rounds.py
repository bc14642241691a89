"""Runs examples/game_rounds as people do: `demo`, whose printed `curl` lines must answer what DuckDB makes of the same file; then with its other dataset."""
import json
import os
import pathlib
import shutil
import subprocess
import zipfile

import duckdb
import pytest

from ports import free_port

ROOT = pathlib.Path(os.environ.get("TROMMEL_SOURCE") or pathlib.Path(__file__).parents[2])
EXAMPLE = ROOT / "examples/game_rounds"
FILES = ["demo", "generate", "game_round.avsc", "pipeline.yaml", "flight.avsc", "flights.yaml"]


def run_demo(root, *arguments):
    """The folder, and what was printed: each command with what it answered."""
    folder = root / "examples/game_rounds"
    folder.mkdir(parents=True)
    for name in FILES:
        shutil.copy(EXAMPLE / name, folder)
    (root / "scripts").symlink_to(ROOT / "scripts")
    environment = {**os.environ, "LISTEN": f"127.0.0.1:{free_port()}"}
    done = subprocess.run([folder / "demo", *arguments, "--end"], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=300)
    assert done.returncode == 0, done.stdout
    said = {}
    for part in ("\n" + done.stdout).split("\n$ ")[1:]:
        command, _, answer = part.partition("\n")
        said[command] = answer
    return folder, said


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return run_demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def flights(tmp_path_factory):
    return run_demo(tmp_path_factory.mktemp("flights"), "flights")


def hourly(folder, where):
    """The aggregate over the rows of the file that can be read, computed by DuckDB alone."""
    return duckdb.sql(f"""
        SELECT strftime(date_trunc('hour', created_timestamp), '%Y-%m-%dT%H:%M:%S') AS created_hour, TRY_CAST(game_id AS INT) AS game_id, user_id,
               sum(real_amount_bet) AS total_real_amount_bet, sum(bonus_amount_bet) AS total_bonus_amount_bet,
               sum(real_amount_win) AS total_real_amount_win, sum(bonus_amount_win) AS total_bonus_amount_win,
               max(game_name) AS game_name, max(provider) AS provider
        FROM read_csv('{folder}/rounds.csv', types={{'created_timestamp': 'TIMESTAMP', 'game_id': 'VARCHAR'}})
        WHERE game_id <> 'unknown' GROUP BY date_trunc('hour', created_timestamp), game_id, user_id HAVING {where}
        ORDER BY created_hour, game_id, user_id
    """).fetchall()


def answer_to(said, part):
    return next(answer for command, answer in said.items() if part in command)


def as_rows(answer):
    return [tuple(row.values()) for row in answer["data"]]


def test_the_upload_is_answered_with_its_balance(demo):
    answer = json.loads(answer_to(demo[1], "csv_upload"))
    assert (answer["read"], answer["rejected"]) == (100_000, 20)
    assert len(answer["bad_rows"]) == 20 and {row["column"] for row in answer["bad_rows"]} == {"game_id"}


def test_the_printed_lines_answer_right(demo):
    folder, said = demo
    everything = hourly(folder, "true")
    first = json.loads(answer_to(said, "aggregated_game_rounds?page_size=2"))
    assert first["total_results"] == len(everything) and as_rows(first) == everything[:2]
    second = json.loads(answer_to(said, "page_num=2"))
    day = hourly(folder, "game_id = '3' AND date_trunc('day', min(created_timestamp)) = '2026-01-02'")
    assert second["total_results"] == len(day) and as_rows(second) == day[2:4]
    assert "page_num=3" in second["pagination"]["next"] and "page_num=1" in second["pagination"]["previous"]
    player = json.loads(answer_to(said, "player_id=user_007"))
    mine = hourly(folder, "user_id = 'user_007'")
    assert player["total_results"] == len(mine) and as_rows(player) == mine[:1]
    table = answer_to(said, "text/csv").splitlines()
    assert table[0].startswith("created_hour,game_id,user_id,total_real_amount_bet") and len([line for line in table if line]) == 4


def test_every_row_is_once_in_the_table_and_in_the_view(demo):
    with duckdb.connect(str(demo[0] / "game_rounds.duckdb"), read_only=True) as store:
        assert store.sql("SELECT count(*), count(DISTINCT game_instance_id) FROM game_rounds").fetchone() == (99_980, 99_980)
        wrong = store.sql("""
            WITH again AS (SELECT date_trunc('hour', created_timestamp::TIMESTAMP) AS h, game_id, user_id, sum(real_amount_bet) AS s
                           FROM game_rounds GROUP BY ALL),
                 kept AS (SELECT created_hour, game_id, user_id, total_real_amount_bet FROM hourly_aggregated_game_rounds)
            SELECT (SELECT count(*) FROM (FROM again EXCEPT ALL FROM kept)), (SELECT count(*) FROM (FROM kept EXCEPT ALL FROM again))
        """).fetchone()
        assert wrong == (0, 0)


def daily(folder, where):
    """Departures by day, airport and airline, by DuckDB alone from the zip that was uploaded."""
    unpacked = folder / "flights.csv"
    if not unpacked.exists():
        with zipfile.ZipFile(folder / "input/flights.csv.zip") as archive:
            archive.extract("flights.csv", folder)
    return duckdb.sql(f"""
        SELECT strftime(time_hour[:10]::DATE, '%Y-%m-%dT00:00:00Z') AS flight_day, origin, carrier, count(*), count(dep_time),
               sum(arr_delay)::BIGINT, max(arr_delay)
        FROM read_csv('{unpacked}', nullstr = 'NA', types = {{'time_hour': 'VARCHAR'}})
        WHERE {where} GROUP BY ALL ORDER BY flight_day, origin, carrier
    """).fetchall()


def test_another_dataset_takes_an_avsc_and_sql(flights):
    folder, said = flights
    upload = json.loads(answer_to(said, "flights_upload"))
    assert (upload["read"], upload["rejected"], upload["written"]) == (336_776, 0, {"staging": 336_776})
    everything = daily(folder, "true")
    first = json.loads(answer_to(said, "daily_flights?page_size=2"))
    assert first["total_results"] == len(everything) and as_rows(first) == everything[:2]
    fourth = json.loads(answer_to(said, "carrier=UA"))
    assert as_rows(fourth) == daily(folder, "carrier = 'UA' AND origin = 'EWR' AND time_hour[:10] = '2013-07-04'") != []
    others = daily(folder, "origin <> 'EWR'")
    assert [tuple(line.split(",")) for line in answer_to(said, "text/csv").splitlines()[1:] if line] == [tuple(map(str, row)) for row in others[6:9]]
    with duckdb.connect(str(folder / "flights.duckdb"), read_only=True) as store:
        assert store.sql("SELECT count(*), count(*) FILTER (dep_time IS NULL), sum(distance) FROM flights").fetchone() == duckdb.sql(
            f"SELECT count(*), count(*) FILTER (dep_time IS NULL), sum(distance) FROM read_csv('{folder}/flights.csv', nullstr = 'NA')").fetchone()
