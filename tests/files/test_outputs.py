"""Files that were packed or split as they were written, read back by Python, pyarrow and DuckDB."""
import csv
import gzip
import io
import json
import subprocess

import duckdb
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

ROWS = 50_000


@pytest.fixture(scope="module")
def csv_text():
    return "id,few,text\n" + "".join(f"{i},{i % 5},text {i * 7919 % 10007}\n" for i in range(ROWS))


def unpacked(path):
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        return gzip.decompress(data).decode()
    if data[:4] == b"\x28\xb5\x2f\xfd":
        with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
            return stream.read().decode()
    return data.decode()


def run(trommel, folder, sink, expect=0, source="in.csv"):
    (folder / "p.yaml").write_text(f"name: p\nsources:\n  s: {{ files: {source} }}\nsinks:\n  out: {{ files: {{ {sink} }} }}\n")
    return trommel("run", "p.yaml", expect=expect)


@pytest.mark.parametrize("name", ["out.csv.gz", "out.csv.zst", "out.json.gz", "out.jsonl.zst", "out.ndjson.gz"])
def test_the_extension_packs(trommel, tmp_path, csv_text, name):
    (tmp_path / "in.csv").write_text(csv_text)
    trommel("convert", "in.csv", name)
    path = tmp_path / name
    assert path.stat().st_size < len(csv_text) / 2
    text = unpacked(path)
    if ".csv" in name:
        assert text == csv_text
        assert pa.csv.read_csv(path).num_rows == ROWS if name.endswith(".gz") else True
    else:
        assert [json.loads(line)["id"] for line in text.splitlines()] == list(range(ROWS))
    assert duckdb.sql(f"SELECT count(*), sum(id) FROM '{path}'").fetchone() == (ROWS, ROWS * (ROWS - 1) // 2)
    trommel("convert", name, "back.parquet")
    assert pq.read_table(tmp_path / "back.parquet")["id"].to_pylist() == list(range(ROWS))


@pytest.mark.parametrize("compression, level", [("gzip", 1), ("gzip", 3), ("gzip", 6), ("gzip", 9), ("zstd", 1), ("zstd", 19)])
def test_every_level_reads_back(trommel, tmp_path, csv_text, compression, level):
    (tmp_path / "in.csv").write_text(csv_text)
    run(trommel, tmp_path, f"path: out/, format: csv, compression: {compression}, compression_level: {level}")
    (path,) = (tmp_path / "out").iterdir()
    assert path.name == f"part-1-0.csv.{'gz' if compression == 'gzip' else 'zst'}" and unpacked(path) == csv_text
    if compression == "gzip":
        subprocess.run(["gzip", "-t", path], check=True)


def test_mistakes_are_said(trommel, tmp_path):
    (tmp_path / "in.csv").write_text("id\n1\n")
    for sink, said in [("path: out.csv, compression: gzip", "name it out.csv.gz"), ("path: out.csv.gz, compression: zstd", "name it out.csv.zst"),
                       ("path: out.csv.gz, compression: none", "name it out.csv"), ("path: out.parquet.gz", "parquet is not packed as a whole"),
                       ("path: out.csv.gz, compression_level: 10", "1 to 9"), ("path: out.csv, compression_level: 3", "nothing is packed"),
                       ("path: out.csv.gz, compression: lz4", "none, gzip, zstd"), ("path: out.csv, max_rows: 0", "at least 1"),
                       ("path: '-', max_rows: 5", "standard output is one file")]:
        assert said in run(trommel, tmp_path, sink, expect=78), sink


def test_max_rows(trommel, tmp_path, csv_text):
    (tmp_path / "in.csv").write_text(csv_text)
    run(trommel, tmp_path, "path: out/all.csv.gz, max_rows: 12345")
    paths = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in paths] == [f"all-000{i}.csv.gz" for i in range(1, 6)]
    parts = [unpacked(path).splitlines() for path in paths]
    assert [len(part) - 1 for part in parts] == [12345] * 4 + [ROWS - 4 * 12345]
    assert all(part[0] == "id,few,text" for part in parts)
    assert "\n".join([parts[0][0], *(line for part in parts for line in part[1:])]) + "\n" == csv_text


@pytest.mark.parametrize("name", ["all.csv", "all.jsonl"])
@pytest.mark.parametrize("size", [1, 20_000, 333_333])
def test_max_size_ends_a_file_with_the_row_that_reaches_it(trommel, tmp_path, csv_text, name, size):
    text = csv_text if size > 1 else csv_text[:200].rsplit("\n", 1)[0] + "\n"
    (tmp_path / "in.csv").write_text(text)
    run(trommel, tmp_path, f"path: out/{name}, max_size: {size}B" if size > 1 else f"path: out/{name}, max_size: 1B")
    paths = sorted((tmp_path / "out").iterdir())
    assert size > 1 or len(paths) == len(text.splitlines()) - 1
    for path in paths[:-1] if size > 1 else []:
        lines = path.read_text().splitlines(keepends=True)
        assert size <= path.stat().st_size < size + len(lines[-1].encode()), path.name
    rows = [row for path in paths for row in (csv.DictReader(io.StringIO(path.read_text())) if name.endswith("csv") else map(json.loads, path.read_text().splitlines()))]
    assert [str(row["id"]) for row in rows] == [line.split(",")[0] for line in text.splitlines()[1:]]


@pytest.mark.parametrize("name", ["all.csv.gz", "all.csv.zst", "all.parquet"])
def test_max_size_of_packed_files_is_near(trommel, tmp_path, name):
    size = 250_000 if name.endswith("parquet") else 1_000_000
    text = "id,text\n" + "".join(f"{i},{i * 2654435761 % 2**32:x}{i * 40503 % 65521:x}\n" for i in range(400_000))
    (tmp_path / "in.csv").write_text(text)
    run(trommel, tmp_path, f"path: out/{name}, max_size: {size}B")
    paths = sorted((tmp_path / "out").iterdir())
    assert len(paths) > 2
    # What Parquet shrinks to is known from the first file on.
    for path in paths[name.endswith("parquet"):-1]:
        assert 0.4 * size < path.stat().st_size < 1.6 * size, (path.name, path.stat().st_size)
    assert duckdb.sql(f"SELECT count(*), sum(id) FROM {'read_parquet' if name.endswith('parquet') else 'read_csv'}('{tmp_path}/out/*')").fetchone() == (400_000, 400_000 * 399_999 // 2)


def test_limits_with_source_stems_partitions_and_a_second_run(trommel, tmp_path, csv_text):
    (tmp_path / "a.v1.csv").write_text("id,few\n1,1\n2,1\n3,2\n")
    (tmp_path / "b.csv").write_text("id,few\n4,1\n5,2\n")
    run(trommel, tmp_path, "path: 'out/{source_stem}.csv', max_rows: 2", source="'*.csv'")
    assert {path.name: path.read_text() for path in (tmp_path / "out").iterdir()} == {
        "a.v1-0001.csv": "id,few\n1,1\n2,1\n", "a.v1-0002.csv": "id,few\n3,2\n", "b-0001.csv": "id,few\n4,1\n5,2\n"}
    (tmp_path / "b.csv").write_text("id,few\n6,1\n7,2\n8,3\n")
    run(trommel, tmp_path, "path: 'out/{source_stem}.csv', max_rows: 2", source="'*.csv'")
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert made == {"a.v1-0001.csv", "a.v1-0002.csv", "b-0001.csv", "b-0001-2.csv", "b-0002.csv"}
    (tmp_path / "in.csv").write_text(csv_text)
    (tmp_path / "q.yaml").write_text("name: q\nsources:\n  s: { files: in.csv }\nsinks:\n  out: { files: { path: parts/, format: json, compression: zstd, partition_by: few, max_rows: 3000 } }\n")
    trommel("run", "q.yaml")
    for few in range(5):
        paths = list((tmp_path / f"parts/few={few}").iterdir())
        counts = [len(unpacked(path).splitlines()) for path in paths]
        assert sum(counts) == ROWS // 5 and max(counts) == 3000 and len(paths) == 4 and all(path.name.endswith(".json.zst") for path in paths)


def test_no_rows_still_make_a_file(trommel, tmp_path):
    (tmp_path / "in.csv").write_text("id,few\n")
    run(trommel, tmp_path, "path: out.csv.gz, max_rows: 5")
    assert unpacked(tmp_path / "out-0001.csv.gz") == "id,few\n"
