"""`profile`: its figures against Python's own statistics, what it calls odd, what it suggests, and the page."""
import collections
import csv
import html.parser
import json
import random
import re
import statistics

import duckdb
import pytest


@pytest.fixture(scope="module")
def people():
    """5,000 rows with known oddities."""
    random.seed(7)
    rows = []
    for i in range(5000):
        rows.append({
            "id": i + 1,
            "code": f"N{random.randint(100, 99999)}",
            "age": random.randint(18, 70),
            "pay": round(random.gauss(3000, 400), 2),
            "city": random.choice(["Bern", "Basel", "Genf"]),
            "born": f"{random.randint(1950, 2004)}-{random.randint(1, 12):02}-{random.randint(1, 28):02}",
            "note": random.choice(["fine", "good"]) if i % 4 else "",
            "amount": str(i * 3),
        })
    rows[100]["code"] = "X!"
    rows[200]["pay"] = 99999.0
    rows[300]["city"] = "BERN"
    rows[400]["amount"] = "12 pieces"
    rows[500]["born"] = "1900-01-01"
    return rows


@pytest.fixture
def told(trommel, people):
    with open(trommel.folder / "people.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, people[0])
        writer.writeheader()
        writer.writerows(people)
    return json.loads(trommel("profile", "people.csv", "--json").out)


def column(told, name):
    return next(entry for entry in told["columns"] if entry["name"] == name)


def quantile(values, share):
    """Between the two nearest, as most people mean it."""
    values = sorted(values)
    place = share * (len(values) - 1)
    below = int(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (place - below) * (values[above] - values[below])


def test_figures_are_those_of_python(told, people):
    assert told["rows"] == 5000 and told["copies"] == 0 and told["sampled"] == 0 and told["unread"] == 0
    for name in ["id", "age", "pay"]:
        mine, theirs = column(told, name), [row[name] for row in people]
        assert mine["distinct"] == len(set(theirs)) and mine["distinct_exact"] and mine["nulls"] == 0
        assert float(mine["min"]) == min(theirs) and float(mine["max"]) == max(theirs)
        assert mine["mean"] == pytest.approx(statistics.mean(theirs)) and mine["deviation"] == pytest.approx(statistics.stdev(theirs))
        for entry in mine["quantiles"]:
            assert entry["at"] == pytest.approx(quantile(theirs, entry["share"]))
        histogram = mine["histogram"]
        assert sum(bucket["rows"] for bucket in histogram["buckets"]) + histogram["below"] + histogram["above"] == 5000
    assert {entry["value"]: entry["rows"] for entry in column(told, "city")["top"]} == collections.Counter(
        row["city"] for row in people)
    assert column(told, "code")["max_length"] == max(len(row["code"]) for row in people)
    [pair] = [entry for entry in told["correlations"] if entry["columns"] == ["age", "pay"]]
    assert pair["pearson"] == pytest.approx(statistics.correlation(
        [row["age"] for row in people], [row["pay"] for row in people]))


def test_odd_values_are_found(told):
    odd = {name: {entry["value"]: entry["why"] for entry in column(told, name)["odd"]}
           for name in ["code", "pay", "city", "amount", "born", "age"]}
    assert "X!" in odd["code"] and "99999.0" in odd["pay"]
    assert odd["city"]["BERN"] == "also written `Bern`"
    assert odd["amount"]["12 pieces"].startswith("no number")
    assert "1900-01-01" in odd["born"]
    assert odd["age"] == {}


def test_suggested_rules_can_be_pasted_and_hold(trommel, told, people):
    rules = {entry["name"]: {rule["name"]: (rule["value"], rule["broken"]) for rule in entry["rules"]} for entry in told["columns"]}
    assert rules["age"] == {"required": ("true", 0), "min": ("18", 0), "max": ("70", 0)}
    pattern, broken = rules["code"]["pattern"]
    assert broken == 1 and re.fullmatch(pattern.strip('"'), "N12345")
    trommel.write("contract.yaml", told["contract"])
    trommel.write("pipeline.yaml", """\
sources: { people: { files: { path: people.csv }, contract: contract.yaml } }
transforms: { sound: { check: { contract: contract.yaml } } }
sinks: { out: { files: { path: out.csv } } }
""")
    trommel("run", "pipeline.yaml", "--max-rejects", sum(broken for of in rules.values() for _, broken in of.values()))
    assert len(trommel.read("out.csv").splitlines()) == 1 + 4998


def test_terminal(trommel, told):
    out = trommel("profile", "people.csv", env={"COLUMNS": "80"}).out
    assert "people.csv: 5,000 rows, 8 columns" in out and "█" in out and "X! (1 row)" in out
    assert "Suggested contract" in out


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("href", "src", "action", "data") and value]

    def handle_data(self, data):
        self.text += data


def test_page_stands_on_its_own(trommel):
    nasty = "<script>alert(1)</script>"
    trommel.write("nasty.csv", f"\"{nasty}\",b\n\"{nasty}\",1\n\"\x1b[31m'&\",2\nx,3\n" * 3)
    trommel("profile", "nasty.csv", "--html", "page.html", "--in", "header=true")
    text = trommel.read("page.html")
    page = Page(text)
    assert "script" not in page.tags and "svg" in page.tags and "\x1b" not in text
    assert all(address.startswith("#") for address in page.addresses)
    assert not re.search(r"https?:|url\(|@import", text)
    assert "prefers-color-scheme: dark" in text and "@media print" in text and "width=device-width" in text
    assert nasty in page.text


def test_table_of_a_store(trommel):
    with duckdb.connect(str(trommel.folder / "shop.duckdb")) as store:
        store.execute("CREATE TABLE sales AS SELECT i AS id, i % 3 AS kind, NULL::DATE AS gone FROM range(100) r(i)")
    told = json.loads(trommel("profile", "shop.duckdb", "--json").out)
    assert told["rows"] == 100 and column(told, "gone")["nulls"] == 100 and column(told, "kind")["distinct"] == 3
    with duckdb.connect(str(trommel.folder / "shop.duckdb")) as store:
        store.execute("CREATE SCHEMA other; CREATE VIEW other.twice AS SELECT * FROM sales UNION ALL SELECT * FROM sales")
    assert "it holds sales, other.twice" in trommel("profile", "shop.duckdb", expect=1).err
    told = json.loads(trommel("profile", "duckdb:shop.duckdb", "other.twice", "--json").out)
    assert told["rows"] == 200 and told["copies"] == 100
    assert "did you mean `sales`?" in trommel("profile", "shop.duckdb", "sale", expect=1).err
    assert "only a store has tables" in trommel("profile", "x.csv", "sale", expect=64).err


def test_rows_that_cannot_be_read_are_counted(trommel):
    trommel.write("in.csv", "a,b\n1,2\n3\n4,5\n")
    told = json.loads(trommel("profile", "in.csv", "--json").out)
    assert told["rows"] == 2 and told["unread"] == 1 and told["first_unread"][0]["place"] == "in.csv line 3"
    assert "1 row could not be read" in trommel("profile", "in.csv").out


@pytest.mark.parametrize("text", ["a\n", "a,b\n,\n,\n", "a\n1e308\n-1e308\n1e308\n", "a\nnan\ninf\n1.5\n"])
def test_strange_columns(trommel, text):
    trommel.write("in.csv", text)
    told = json.loads(trommel("profile", "in.csv", "--json").out)
    assert all(entry["nulls"] <= told["rows"] for entry in told["columns"])
    trommel("profile", "in.csv")
    trommel("profile", "in.csv", "--html", "page.html")


def test_nested_columns_and_every_type(trommel):
    duckdb.sql(f"""COPY (SELECT i AS id, [i, i + 1] AS list, {{'a': i}} AS struct, i % 2 = 0 AS flag, i::DECIMAL(20,3) AS dec,
                  TIME '10:00' + to_minutes(i) AS clock, TIMESTAMPTZ '2020-01-01' + to_hours(i::INT) AS stamp, 'x'::BLOB AS blob,
                  uuid() AS id2, i::HUGEINT AS huge FROM range(60) r(i)) TO '{trommel.folder}/all.parquet'""")
    told = json.loads(trommel("profile", "all.parquet", "--json").out)
    assert column(told, "list")["distinct"] == 60 and column(told, "flag")["distinct"] == 2
    assert len(column(told, "stamp")["histogram"]["buckets"]) > 2
    trommel("profile", "all.parquet", "--html", "page.html")
