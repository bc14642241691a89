"""Runs examples/students as people use it: files come in while it runs, some of them broken, in other spellings, again, in nested folders."""
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

import duckdb
import pandas
import pyarrow.parquet
import pytest

ROOT = pathlib.Path(os.environ.get("TROMMEL_SOURCE") or pathlib.Path(__file__).parents[2])
EXAMPLE = ROOT / "examples/students"
BUILD = pathlib.Path(os.environ.get("TROMMEL_BUILD") or ROOT / "build" / "release")
TROMMEL = os.environ.get("TROMMEL") or str(BUILD / "trommel")
QUESTIONS = ["mothers_jobs", "rural_travel_time", "fathers_jobs", "failures_by_family", "median_absences"]


def load_generator():
    loader = SourceFileLoader("generate", str(EXAMPLE / "generate"))
    module = module_from_spec(spec_from_loader("generate", loader))
    loader.exec_module(module)
    return module


generate = load_generator()


def text(seed, delimiter=";"):
    return generate.as_csv(generate.table(seed), delimiter)


class Students:
    """A copy of the example in a folder of its own."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for path in [*EXAMPLE.glob("*.yaml"), *EXAMPLE.glob("*.sql")]:  # not what a demo left there
            shutil.copy(path, folder)
        self.drops.mkdir()

    drops = property(lambda self: self.folder / "input_csv")
    failed = property(lambda self: self.drops / "output_failed")
    lake = property(lambda self: self.folder / "output_parquet")

    def drop(self, name, data):
        generate.drop(self.drops / name, data if isinstance(data, bytes) else data.encode())

    def run(self, *arguments):
        return subprocess.run([TROMMEL, *arguments], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=300)

    def once(self):
        done = self.run("run", "pipeline.yaml", "--once", "--report", "report.json")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self):
        self.log = open(self.folder / "stderr.txt", "w+")
        self.out = open(self.folder / "stdout.txt", "w+")
        self.running = subprocess.Popen([TROMMEL, "run", "pipeline.yaml", "--report", "report.json"], cwd=self.folder,
                                        stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.log)

    def wait(self, condition, seconds=120):
        until = time.monotonic() + seconds
        while not condition():
            assert self.running.poll() is None, (self.folder / "stderr.txt").read_text()[-3000:]
            assert time.monotonic() < until, (len(self.parquet()), self.refused(), (self.folder / "stderr.txt").read_text()[-3000:])
            time.sleep(0.05)

    def stop(self):
        self.running.send_signal(signal.SIGINT)
        code = self.running.wait(60)
        said = (self.folder / "stdout.txt").read_text()
        assert code == 0, (code, said, (self.folder / "stderr.txt").read_text()[-3000:])
        return said

    def parquet(self):
        return sorted(path.name for path in self.lake.glob("*.parquet")) if self.lake.exists() else []

    def refused(self):
        return sorted(path.name for path in self.failed.glob("*.why.txt")) if self.failed.exists() else []

    def left(self):
        """Files in the input folder that were neither taken nor refused, claimed ones too."""
        return [str(path) for path in self.drops.rglob("*") if path.is_file() and self.failed not in path.parents]

    def table(self):
        with duckdb.connect(str(self.folder / "students.duckdb"), read_only=True) as connection:
            return connection.execute("FROM student_data").df()

    def report(self):
        return json.loads((self.folder / "report.json").read_text())


def tidied(csv, **how):
    """What pandas makes of one file by the same rules."""
    rows = pandas.read_csv(io.StringIO(csv), sep=";", **how).dropna()
    rows.columns = [name.lower() for name in rows.columns]
    for name in rows.columns:
        rows[name] = rows[name].str.lower() if rows[name].dtype == object or str(rows[name].dtype).startswith("str") else rows[name].astype("int64")
    return rows.drop_duplicates()


def assert_same_rows(one, other):
    """Equal as multisets of rows, whatever their order."""
    assert len(one) == len(other)
    connection = duckdb.connect()
    connection.register("one", one)
    connection.register("other", other)
    columns = ", ".join(f"{name}::VARCHAR" for name in other.columns)
    for left, right in (("one", "other"), ("other", "one")):
        query = f"SELECT count(*) FROM (SELECT {columns} FROM {left} EXCEPT ALL SELECT {columns} FROM {right})"
        assert connection.execute(query).fetchone()[0] == 0


def lines(csv):
    return csv.splitlines(keepends=True)


def with_line(csv, number, line):
    out = lines(csv)
    out[number] = line
    return "".join(out)


def changed(csv, number, column, value):
    cells = lines(csv)[number].rstrip("\n").split(";")
    cells[generate.COLUMNS.index(column)] = value
    return with_line(csv, number, ";".join(cells) + "\n")


def without_column(csv, column):
    at = generate.COLUMNS.index(column)
    return "".join(";".join(cell for i, cell in enumerate(line.rstrip("\n").split(";")) if i != at) + "\n" for line in lines(csv))


def broken_files():
    """Ten files, each broken in its own way, and what the reason must name."""
    good = text("to be broken")
    accents = good.replace("other", "övrig").encode()
    at = accents.index("övrig".encode(), 9000)
    return {
        "cut_in_a_quote": (good[:good.index('"at_h', 20000) + 4].encode(), ""),
        "cut_in_a_row": (good[:good.index("\n", 20000) + 30].encode(), ""),
        "short_row": (with_line(good, 100, ";".join(lines(good)[100].split(";")[:32]) + "\n").encode(), "101"),
        "long_row": (with_line(good, 50, lines(good)[50].rstrip("\n") + ";7\n").encode(), "51"),
        "text_in_a_number": (changed(good, 200, "age", '"fifteen"').encode(), "fifteen"),
        "fraction_in_a_number": (changed(good, 17, "absences", "3.5").encode(), "3.5"),
        "number_out_of_range": (changed(good, 18, "absences", "99999999999").encode(), "99999999999"),
        "garbage": (bytes((i * 7919 + i // 251) % 256 for i in range(56_000)), ""),
        "missing_column": (without_column(good, "absences").encode(), "absences"),
        "half_a_letter": (accents[:at] + b"\xc3" + accents[at + 2:], ""),
    }


@pytest.fixture(scope="module")
def thousand(tmp_path_factory):
    """1,000 files, ten of them broken, dropped while the pipeline runs: (students, what was said, texts of good files)."""
    students = Students(tmp_path_factory.mktemp("thousand"))
    contents = {seed: text(f"thousand {seed}") for seed in range(330)}
    good = {f"students {n} é.csv" if n % 100 == 7 else f"students_{n:04}.csv": contents[n % 330] for n in range(990)}
    broken = broken_files()
    names = list(good)
    for name in names[:100]:  # there before the start
        students.drop(name, good[name])
    students.start()
    try:
        for i, name in enumerate(names[100:]):
            if i % 50 == 3:  # written slowly, in place
                with open(students.drops / name, "w") as file:
                    file.write(good[name][:20_000])
                    file.flush()
                    time.sleep(0.02)
                    file.write(good[name][20_000:])
            else:
                students.drop(name, good[name])
            if i % 89 == 0 and broken:
                which, (data, _) = broken.popitem()
                students.drop(which + ".csv", data)
        assert not broken
        students.wait(lambda: len(students.parquet()) >= 990 and len(students.refused()) >= 10)
    finally:
        said = students.stop() if students.running.poll() is None else ""
    return students, said, good


def test_good_files_become_parquet_files_of_their_own(thousand):
    students, _, good = thousand
    assert students.parquet() == sorted(name.replace(".csv", ".parquet") for name in good)
    for name in list(good)[::97]:
        rows = pyarrow.parquet.read_table(students.lake / name.replace(".csv", ".parquet")).to_pandas()
        assert_same_rows(rows, tidied(good[name]))


def test_the_table_holds_what_pandas_makes_of_the_good_files(thousand):
    students, _, good = thousand
    each = {csv: tidied(csv) for csv in set(good.values())}
    assert_same_rows(students.table(), pandas.concat([each[csv] for csv in good.values()]))


def test_broken_files_come_back_with_their_reason(thousand):
    students = thousand[0]
    broken = broken_files()
    assert students.refused() == sorted(f"{name}.csv.why.txt" for name in broken)
    for name, (data, reason) in broken.items():
        assert (students.failed / f"{name}.csv").read_bytes() == data
        why = (students.failed / f"{name}.csv.why.txt").read_text()
        assert len(why) > 40 and reason in why, (name, why)


def test_nothing_is_left_and_the_sheet_balances(thousand):
    students, said, good = thousand
    assert students.left() == []
    log = (students.folder / "conversion_log.txt").read_text()
    assert all(name.removesuffix(".csv") in log for name in list(good)[::50])
    assert "balance" in said and "ok" in said
    rows = len(students.table())
    assert f"{rows:,}" in said, (rows, said)


def test_the_questions_are_answered_right(thousand):
    students, _, good = thousand
    rows = students.table()

    def answer(question):
        done = students.run("query", "students.duckdb", (students.folder / f"{question}.sql").read_text(), "--csv")
        assert done.returncode == 0, done.stderr
        return pandas.read_csv(io.StringIO(done.stdout))

    assert answer("mothers_jobs")["mjob"].tolist() == sorted(rows[(rows.sex == "m") & (rows.age < 20)].mjob.unique())
    rural = rows[rows.address == "r"].traveltime
    assert answer("rural_travel_time").traveltime.tolist() == [rural.mode().min()]
    fathers = answer("fathers_jobs")
    for status, some in rows.groupby("pstatus"):
        counts = some.fjob.value_counts().reset_index().sort_values(["count", "fjob"], ascending=[False, True]).head(3)
        found = fathers[fathers.pstatus == status]
        assert found.fjob.tolist() == counts.fjob.tolist() and found.students.tolist() == counts["count"].tolist()
    failures = answer("failures_by_family")
    assert failures.famsize.tolist() == sorted(rows.famsize.unique())
    for size, some in rows.groupby("famsize"):
        assert failures[failures.famsize == size].failures.tolist() == [some.failures.mode().min()]
    medians = answer("median_absences")
    wanted = rows[rows.famrel.between(1, 3)].groupby(["sex", "famrel"]).absences.median().reset_index()
    assert medians[["sex", "famrel"]].values.tolist() == wanted[["sex", "famrel"]].values.tolist()
    assert medians.median_absences.tolist() == wanted.absences.tolist()


def test_ties_are_settled_the_same_way_each_time(tmp_path):
    """Two travel times, four jobs, two numbers of failures, an even number of students: as frequent as each other."""
    students = Students(tmp_path / "ties")
    base = dict(zip(generate.COLUMNS, generate.table("tie")[1]))
    rows = [{**base, "sex": "M", "age": 15 + i, "address": "R", "Pstatus": "T", "famsize": "GT3", "traveltime": 2 + i % 2, "Fjob": job,
             "failures": i % 2, "famrel": 2, "absences": [1, 2, 5, 10][i]} for i, job in enumerate(["teacher", "health", "other", "at_home"])]
    students.drop("a.csv", generate.as_csv([generate.COLUMNS, *([row[name] for name in generate.COLUMNS] for row in rows)]))
    students.once()
    answers = {question: students.run("query", "students.duckdb", (students.folder / f"{question}.sql").read_text(), "--csv").stdout for question in QUESTIONS}
    assert answers["rural_travel_time"].splitlines()[1:] == ["2,2,1"]
    assert [line.split(",")[2] for line in answers["fathers_jobs"].splitlines()[1:]] == ["at_home", "health", "other"]
    assert answers["failures_by_family"].splitlines()[1:] == ["gt3,0,2,1"]
    assert answers["median_absences"].splitlines()[1:] == ["m,2,3.5,4"]


SPELLINGS = {"comma": (",", "utf-8"), "tab": ("\t", "utf-8"), "bar": ("|", "utf-8"), "utf16": (";", "utf-16"), "utf16be": (";", "utf-16-be"),
             "latin1": (";", "latin-1"), "latin1_comma": (",", "latin-1")}


@pytest.fixture(scope="module")
def semicolons(tmp_path_factory):
    students = Students(tmp_path_factory.mktemp("semicolons"))
    for seed in range(6):
        students.drop(f"{seed}.csv", text(f"spelling {seed}").replace("services", "général"))
    students.once()
    return students.table()


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_other_delimiters_and_encodings_give_the_same_table(tmp_path, semicolons, spelling):
    delimiter, encoding = SPELLINGS[spelling]
    students = Students(tmp_path / spelling)
    for seed in range(6):
        students.drop(f"{seed}.csv", text(f"spelling {seed}", delimiter).replace("services", "général").encode(encoding))
    students.once()
    assert students.refused() == []
    assert (semicolons.fjob == "général").any()
    assert_same_rows(students.table(), semicolons)


def test_a_mended_file_goes_through_under_its_name(tmp_path):
    students = Students(tmp_path / "mended")
    good = text("mended")
    students.start()
    students.drop("a.csv", changed(good, 200, "age", '"fifteen"'))
    students.wait(lambda: students.refused() == ["a.csv.why.txt"])
    assert students.parquet() == []
    students.drop("a.csv", good)
    students.wait(lambda: students.parquet() == ["a.parquet"])
    students.stop()
    assert_same_rows(students.table(), tidied(good))
    assert students.left() == []


def test_files_of_one_name_in_nested_folders_both_arrive(tmp_path):
    students = Students(tmp_path / "nested")
    students.drop("north/a.csv", text("north"))
    students.drop("south/deep/a.csv", text("south"))
    students.once()
    assert len(students.parquet()) == 2
    assert_same_rows(students.table(), pandas.concat([tidied(text("north")), tidied(text("south"))]))
    assert students.left() == []


def test_null_cells_are_dropped_however_they_are_spelt(tmp_path):
    students = Students(tmp_path / "nulls")
    csv = text("nulls")
    for number, (column, value) in enumerate([("age", "NULL"), ("age", '""'), ("Mjob", ""), ("Mjob", '""'), ("Mjob", "NA"), ("Mjob", '"NULL"'), ("G1", '"NA"')], 3):
        csv = changed(csv, number, column, value)
    students.drop("a.csv", csv)
    students.once()
    assert_same_rows(students.table(), tidied(csv))


def test_the_table_may_stand_anywhere_that_credentials_say(tmp_path):
    students = Students(tmp_path / "elsewhere")
    (students.folder / "db_creds.yaml").write_text("database: { type: duckdb, database: other.duckdb, host: h, user: u, port: 3306, password: hunter2 }\n")
    students.drop("a.csv", text("elsewhere"))
    students.once()
    with duckdb.connect(str(students.folder / "other.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM student_data").fetchone()[0] == len(tidied(text("elsewhere")))
