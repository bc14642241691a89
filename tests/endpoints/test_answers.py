"""Answers of a running server, computed a second time by DuckDB from the CSV file and read by other programs."""

import io
import json

import duckdb
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet


def asked(served, sql):
    table = f"read_csv('{served.folder}/rounds.csv', types={{'played': 'TIMESTAMP', 'price': 'DECIMAL(9,2)'}})"
    return duckdb.sql(sql.replace("ROUNDS", table)).fetchall()


def test_a_view_is_answered_as_its_select_over_the_file_would_be(served):
    wanted = asked(served, "SELECT strftime(date_trunc('hour', played), '%Y-%m-%dT%H:%M:%S') AS hour, game, count(*), sum(bet) "
                           "FROM ROUNDS WHERE played < '2026-01-03' GROUP BY ALL ORDER BY hour DESC, game")
    rows, target = [], "/hourly?until=2026-01-02"
    while target:
        answer = served.json(target)
        assert answer["total_results"] == len(wanted)
        rows += [(row["hour"], row["game"], row["rounds"], row["bets"]) for row in answer["data"]]
        target = answer["pagination"]["next"]
    assert rows == wanted


def test_pages_by_number_and_by_cursor_have_the_same_rows(served):
    def walk(target):
        ids = []
        while target:
            answer = served.json(target)
            ids += [row["id"] for row in answer["data"]]
            target = answer["pagination"]["next"]
        return ids

    wanted = [row[0] for row in asked(served, "SELECT id FROM ROUNDS WHERE player IN ('p1', 'p2') ORDER BY played, id")]
    assert walk("/rounds?player=p1&player=p2&page_size=30") == wanted
    assert walk("/rounds?player=p1&player=p2&page_size=30&cursor=") == wanted


def test_every_format_holds_the_same_rows(served):
    wanted = asked(served, "SELECT id, bet FROM ROUNDS WHERE game = 3 ORDER BY played, id LIMIT 50")
    target = "/rounds?game=3&page_size=50"
    readers = {
        "application/json": lambda body: [(row["id"], row["bet"]) for row in json.loads(body)["data"]],
        "application/x-ndjson": lambda body: [(row["id"], row["bet"]) for row in map(json.loads, body.splitlines())],
        "text/csv": lambda body: arrow_rows(pyarrow.csv.read_csv(io.BytesIO(body))),
        "application/vnd.apache.arrow.stream": lambda body: arrow_rows(pyarrow.ipc.open_stream(body).read_all()),
        "application/vnd.apache.parquet": lambda body: arrow_rows(pyarrow.parquet.read_table(io.BytesIO(body))),
    }
    for accept, read in readers.items():
        status, headers, body = served.get(target, accept)
        assert status == 200 and headers["Content-Type"].split(";")[0] == accept
        assert read(body) == wanted, accept
        assert headers["X-Total-Results"] == str(asked(served, "SELECT count(*) FROM ROUNDS WHERE game = 3")[0][0])
        assert 'rel="next"' in headers["Link"]


def arrow_rows(table):
    return list(zip(table["id"].to_pylist(), table["bet"].to_pylist()))


def test_parameters_of_the_select(served):
    wanted = asked(served, "SELECT player, sum(bet) FROM ROUNDS WHERE game = 2 AND played >= '2026-01-03' GROUP BY 1 ORDER BY 2 DESC, 1")
    answer = served.json("/players?game=2&since=2026-01-03")
    assert [(row["player"], row["bets"]) for row in answer["data"]] == wanted
    status, headers, body = served.get("/players")
    assert status == 400 and headers["Content-Type"] == "application/problem+json"
    assert json.loads(body)["errors"] == [{"parameter": "game", "detail": "it is missing"}]


def test_an_answer_that_the_client_has_is_not_sent_again(served):
    _, headers, _ = served.get("/hourly")
    status, again, body = served.get("/hourly", **{"If-None-Match": headers["ETag"]})
    assert (status, body, again["ETag"]) == (304, b"", headers["ETag"])


def test_who_asks_the_file_meanwhile_is_told_who_has_it(served):
    said = served.call("query", "p.yaml", "FROM hourly", code=1)
    assert f"(PID {served.process.pid})" in said
    assert "ask it over HTTP" in said and served.address in said
