"""What is judged over the whole input: expectations; dedupe and outliers against pandas."""
import random
from pathlib import Path

import pandas
import pyarrow.parquet as pq

import golden


def pipeline(folder: Path, transform: str) -> None:
    (folder / "input").mkdir(parents=True, exist_ok=True)
    (folder / "pipeline.yaml").write_text(
        "max_rejects: 100%\n"
        "sources: { rows: { files: { path: input/*.csv } } }\n"
        f"transforms: {{ step: {transform} }}\n"
        "sinks: { out: { from: step, files: { path: out/rows.parquet, if_exists: replace } } }\n")


def put(folder: Path, name: str, rows: list[tuple]) -> None:
    (folder / "input" / name).write_text("k,x\n" + "".join(",".join("" if value is None else str(value) for value in row) + "\n" for row in rows))


def test_nothing_is_published_unless_the_whole_is_as_expected(tmp_path):
    pipeline(tmp_path, "{ check: { whole: { row_count: { min: 5 }, columns: { x: { nulls: { max: 10% }, max: { max: 100 } } } } } }")
    put(tmp_path, "1.csv", [("a", 1), ("b", None), ("c", 250)])
    done = golden.run(tmp_path)
    assert done.returncode == 1
    said = " ".join(done.stderr.split())
    assert "row_count is 3: at least 5 was expected (2 less)" in said
    assert "share of NULL of `x` is 33.33%: at most 10% was expected (23.33% more)" in said
    assert "max of `x` is 250: at most 100 was expected (150 more)" in said
    assert not (tmp_path / "out").exists()
    put(tmp_path, "1.csv", [(str(i), i) for i in range(5)])
    assert golden.run(tmp_path).returncode == 0
    assert pq.read_table(tmp_path / "out/rows.parquet").num_rows == 5


def random_rows(count: int) -> list[tuple]:
    rng = random.Random(7)
    return [(rng.choice(["a", "b", None, "c"]) if rng.random() < 0.1 else str(rng.randrange(count // 3)), rng.randrange(20)) for _ in range(count)]


def frame(rows: list[tuple]) -> pandas.DataFrame:
    return pandas.DataFrame(rows, columns=["k", "x"])


def same(table, expected: pandas.DataFrame) -> None:
    got = [tuple(row.values()) for row in table.to_pylist()]
    want = [tuple(None if pandas.isna(value) else value for value in row) for row in expected.itertuples(index=False)]
    assert got == want


def test_dedupe_is_drop_duplicates(tmp_path):
    rows = random_rows(60_000)
    for number, (settings, subset, keep) in enumerate([("{}", None, "first"), ("{ by: [k], memory: 64KB }", ["k"], "first"),
                                                       ("{ by: [k], keep: last, memory: 64KB }", ["k"], "last"), ("{ keep: last }", None, "last")]):
        folder = tmp_path / str(number)
        pipeline(folder, f"{{ dedupe: {settings} }}")
        put(folder, "1.csv", rows)
        assert golden.run(folder, "--block-bytes", "64KB").returncode == 0
        same(pq.read_table(folder / "out/rows.parquet"), frame(rows).drop_duplicates(subset=subset, keep=keep))


def test_outliers_are_those_of_pandas(tmp_path):
    rng = random.Random(3)
    rows = [(str(i), round(rng.gauss(100, 15), 3) if rng.random() < 0.98 else round(rng.uniform(-500, 700), 3)) for i in range(20_000)]
    x = frame(rows)["x"]
    q1, q3 = x.quantile(0.25), x.quantile(0.75)
    mad = (x - x.median()).abs().median()
    inside = {
        "iqr": (x >= q1 - 1.5 * (q3 - q1)) & (x <= q3 + 1.5 * (q3 - q1)),
        "zscore": ((x - x.mean()) / x.std()).abs() <= 3,
        "mad": ((x - x.median()) / (1.4826 * mad)).abs() <= 3.5,
    }
    for method, kept in inside.items():
        folder = tmp_path / method
        pipeline(folder, f"{{ check: {{ memory: 1MB, rules: {{ x: {{ outliers: {method} }} }} }} }}")
        put(folder, "1.csv", rows)
        assert golden.run(folder).returncode == 0
        table = pq.read_table(folder / "out/rows.parquet")
        assert 0 < table.num_rows < len(rows)
        assert table.column("x").to_pylist() == x[kept].tolist()


def test_figures_are_compared_with_the_last_run(tmp_path):
    pipeline(tmp_path, "{ check: { whole: { row_count: { change: 20% } } } }")
    put(tmp_path, "1.csv", [(i, i) for i in range(100)])
    assert golden.run(tmp_path).returncode == 0
    put(tmp_path, "2.csv", [(i, i) for i in range(50)])
    done = golden.run(tmp_path)
    assert done.returncode == 1
    assert "row_count is 50 and was 100 in the last run: it changed by -50%, at most 20% was expected" in " ".join(done.stderr.split())
    put(tmp_path, "2.csv", [(i, i) for i in range(110)])
    assert golden.run(tmp_path).returncode == 0
