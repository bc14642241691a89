"""What the files source reads and the files sink writes, seen by pyarrow and by DuckDB's Python client."""
import datetime
import gzip
import io
import random
import zipfile

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROWS = 60_000


@pytest.fixture(scope="module")
def csv_text():
    draw = random.Random(4)
    words = ["north", "south", 'e"ast', "we,st", "Zoë"]
    lines = ["id,at,day,amount,few,word,text,flag,gap"]
    start = datetime.datetime(2024, 1, 1)
    for i in range(ROWS):
        word = draw.choice(words).replace('"', '""')
        at = start + datetime.timedelta(seconds=i * 7)
        lines.append(f'{i},{at:%Y-%m-%d %H:%M:%S},{at:%Y-%m-%d},{draw.random() * 1e6!r},{draw.randrange(50)},"{word}",'
                     f't{draw.random()!r},{"true" if i % 3 else "false"},{"" if i % 5 else i}')
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def expected(csv_text, tmp_path_factory):
    path = tmp_path_factory.mktemp("expected") / "rows.csv"
    path.write_text(csv_text)
    return duckdb.sql(f"FROM read_csv('{path}')").fetchall()


def rows(path, columns="*"):
    return duckdb.sql(f"SELECT {columns} FROM '{path}' ORDER BY id").fetchall()


def test_parquet_reads_back_in_both_readers(trommel, tmp_path, csv_text, expected):
    (tmp_path / "in.csv").write_text(csv_text)
    trommel("convert", "in.csv", "out.parquet")
    assert rows(tmp_path / "out.parquet") == expected
    table = pq.read_table(tmp_path / "out.parquet", page_checksum_verification=True)
    assert table.num_rows == ROWS
    assert table.schema.field("id").type == pa.int64()
    assert pa.types.is_timestamp(table.schema.field("at").type) and table.schema.field("at").type.tz is None
    assert table.schema.field("day").type == pa.date32()
    meta = pq.ParquetFile(tmp_path / "out.parquet").metadata
    encodings = {meta.row_group(0).column(i).path_in_schema: meta.row_group(0).column(i).encodings for i in range(meta.num_columns)}
    assert "DELTA_BINARY_PACKED" in encodings["id"] and "DELTA_BINARY_PACKED" in encodings["at"]
    assert "RLE_DICTIONARY" in encodings["word"] and "RLE_DICTIONARY" in encodings["few"]
    assert "RLE_DICTIONARY" not in encodings["text"]
    for i in range(meta.num_columns):
        assert meta.row_group(0).column(i).compression == "ZSTD"
        assert meta.row_group(0).column(i).is_stats_set


def test_standard_input_packed_and_not(trommel, tmp_path, csv_text, expected):
    trommel("convert", "-", "plain.parquet", stdin=csv_text.encode())
    trommel("convert", "-", "packed.parquet", stdin=gzip.compress(csv_text.encode()))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("rows.csv", csv_text)
    trommel("convert", "-", "zipped.parquet", stdin=archive.getvalue())
    for name in ["plain", "packed", "zipped"]:
        assert rows(tmp_path / f"{name}.parquet") == expected


@pytest.mark.parametrize("writer", ["duckdb", "pyarrow"])
def test_parquet_of_others_is_read(trommel, tmp_path, csv_text, expected, writer):
    (tmp_path / "in.csv").write_text(csv_text)
    if writer == "duckdb":
        duckdb.sql(f"COPY (FROM read_csv('{tmp_path}/in.csv')) TO '{tmp_path}/other.parquet' (ROW_GROUP_SIZE 7000)")
    else:
        table = duckdb.sql(f"FROM read_csv('{tmp_path}/in.csv')").to_arrow_table()
        pq.write_table(table, tmp_path / "other.parquet", row_group_size=9000, data_page_version="2.0", use_dictionary=["word"], compression="brotli")
    trommel("convert", "other.parquet", "out.parquet")
    assert rows(tmp_path / "out.parquet") == expected


def test_a_damaged_file_publishes_nothing(trommel, tmp_path, csv_text):
    packed = gzip.compress(csv_text.encode())
    (tmp_path / "cut.csv.gz").write_bytes(packed[:-50])
    said = trommel("convert", "cut.csv.gz", "out.parquet", expect=1)
    assert f"damaged gzip at byte {len(packed) - 50}" in said
    assert not (tmp_path / "out.parquet").exists()


def test_partitions(trommel, tmp_path, csv_text, expected):
    (tmp_path / "in.csv").write_text(csv_text)
    (tmp_path / "p.yaml").write_text(
        "name: p\nsources:\n  s: { files: in.csv }\nsinks:\n  out: { files: { path: out/, partition_by: [few, word], open_files: 20 } }\n")
    trommel("run", "p.yaml")
    read = duckdb.sql(f"SELECT id, \"at\", day, amount, few, word, text, flag, gap FROM read_parquet('{tmp_path}/out/**/*.parquet', hive_partitioning=true) "
                      "ORDER BY id").fetchall()
    assert [tuple(map(str, row)) for row in read] == [tuple(map(str, row)) for row in expected]
    assert (tmp_path / 'out/few=7/word=e"ast').is_dir()
    assert "nothing new" in trommel("run", "p.yaml")


def test_each_input_its_own_output(trommel, tmp_path):
    for name in ["a", "b"]:
        (tmp_path / f"{name}.csv").write_text(f"id,x\n1,{name}\n")
    (tmp_path / "p.yaml").write_text("name: p\nsources:\n  s: { files: '*.csv' }\nsinks:\n  out: { files: 'out/{source_stem}.parquet' }\n")
    trommel("run", "p.yaml")
    assert rows(tmp_path / "out/a.parquet") == [(1, "a")]
    assert rows(tmp_path / "out/b.parquet") == [(1, "b")]
