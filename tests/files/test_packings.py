"""Packed files, made by Python's and pyarrow's packers: every packing gives the rows of the plain file."""
import bz2
import gzip
import io
import lzma
import random
import zipfile

import duckdb
import pyarrow as pa
import pytest


def by_arrow(codec):
    return lambda data: pa.compress(data, codec=codec, asbytes=True)


PACKERS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": by_arrow("zstd"), "lz4": by_arrow("lz4")}
NAMES = {"gz": "gzip", "bz2": "bzip2", "xz": "xz", "zst": "zstd", "lz4": "lz4"}


@pytest.fixture(scope="module")
def csv_text():
    draw = random.Random(4)
    return "id,amount,text\n" + "".join(f"{i},{draw.random()!r},t{draw.randrange(1000)}\n" for i in range(30_000))


@pytest.fixture(scope="module")
def expected(csv_text, tmp_path_factory):
    path = tmp_path_factory.mktemp("expected") / "rows.csv"
    path.write_text(csv_text)
    return duckdb.sql(f"FROM read_csv('{path}')").fetchall()


def rows(path):
    return duckdb.sql(f"FROM '{path}' ORDER BY id").fetchall()


@pytest.mark.parametrize("pack", PACKERS)
def test_one_frame_many_frames_and_a_wrong_name(trommel, tmp_path, csv_text, expected, pack):
    data = csv_text.encode()
    (tmp_path / f"one.csv.{pack}").write_bytes(PACKERS[pack](data))
    half = data.rindex(b"\n", 0, len(data) // 2) - 17
    (tmp_path / f"two.csv.{pack}").write_bytes(PACKERS[pack](data[:half]) + PACKERS[pack](data[half:]))
    (tmp_path / "named.csv").write_bytes(PACKERS[pack](data))
    (tmp_path / f"plain.csv.{pack}").write_bytes(data)
    for name in [f"one.csv.{pack}", f"two.csv.{pack}", "named.csv", f"plain.csv.{pack}"]:
        trommel("convert", name, f"{name}.parquet")
        assert rows(tmp_path / f"{name}.parquet") == expected, name


@pytest.mark.parametrize("pack", PACKERS)
def test_a_cut_file_publishes_nothing_and_is_named(trommel, tmp_path, csv_text, pack):
    packed = PACKERS[pack](csv_text.encode())
    (tmp_path / "cut.bin").write_bytes(packed[:-3])
    said = trommel("convert", "cut.bin", "out.parquet", expect=1)
    assert f"cut.bin: damaged {NAMES[pack]} at byte {len(packed) - 3}: it is cut short" in said
    assert not (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize("pack", PACKERS)
def test_the_packing_can_be_given(trommel, tmp_path, csv_text, expected, pack):
    (tmp_path / "in").write_bytes(PACKERS[pack](csv_text.encode()))
    for said in (NAMES[pack], "auto"):
        (tmp_path / "p.yaml").write_text(
            f"name: {said}\nsources:\n  s: {{ files: {{ path: in, compression: {said} }} }}\nsinks:\n  out: {{ files: {said}.parquet }}\n")
        trommel("run", "p.yaml")
        assert rows(tmp_path / f"{said}.parquet") == expected
    (tmp_path / "other.yaml").write_text(
        f"name: other\nsources:\n  s: {{ files: {{ path: in, compression: {'xz' if pack != 'xz' else 'zstd'} }} }}\nsinks:\n  out: {{ files: other.parquet }}\n")
    assert "damaged" in trommel("run", "other.yaml", expect=1)


@pytest.mark.parametrize("pack", PACKERS)
def test_from_standard_input(trommel, tmp_path, csv_text, expected, pack):
    trommel("convert", "-", "out.parquet", stdin=PACKERS[pack](csv_text.encode()))
    assert rows(tmp_path / "out.parquet") == expected


def zipped(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def members_named(raw_names):
    """A zip whose names are these bytes, whatever they are."""
    placeholders = [f"{i}~".ljust(len(raw), "x") for i, raw in enumerate(raw_names)]
    packed = zipped([(placeholder, f"id,name\n{i},{i}\n") for i, placeholder in enumerate(placeholders)])
    for placeholder, raw in zip(placeholders, raw_names):
        packed = packed.replace(placeholder.encode(), raw)
    return packed


def test_each_member_of_a_zip_is_a_file_of_its_own(trommel, tmp_path):
    (tmp_path / "many.zip").write_bytes(zipped([
        ("top.csv", "id,name\n1,top\n"), ("a/", ""), ("a/same.csv", "id;name\n2;a\n"), ("b/c/d/same.csv", "id|name\n3|deep\n"),
        ("a/empty.csv", ""), ("name with blanks.csv", "id,name\n4,blank\n"), ("größe.csv", "id,name\n5,größe\n"),
        ("__MACOSX/a/._same.csv", "x"), ("a/packed.csv", "id,name\n6,last")]))
    (tmp_path / "p.yaml").write_text("name: p\nsources:\n  s: { files: many.zip }\nsinks:\n  out: { files: out.parquet }\n  each: { files: 'each/{source_stem}.csv' }\n")
    trommel("run", "p.yaml")
    assert rows(tmp_path / "out.parquet") == [(1, "top"), (2, "a"), (3, "deep"), (4, "blank"), (5, "größe"), (6, "last")]
    made = {path.name for path in (tmp_path / "each").iterdir()}
    assert made == {"top.csv", "same.csv", "same-2.csv", "name with blanks.csv", "größe.csv", "packed.csv"}
    assert (tmp_path / "each/same.csv").read_text() == "id,name\n2,a\n"
    assert (tmp_path / "each/same-2.csv").read_text() == "id,name\n3,deep\n"


def test_members_can_be_named_by_patterns(trommel, tmp_path):
    (tmp_path / "many.zip").write_bytes(zipped([("a/1.csv", "id\n1\n"), ("a/b/2.csv", "id\n2\n"), ("3.txt", "id\n3\n")]))
    for pattern, wanted in [("many.zip!a/*.csv", [(1,)]), ("many.zip!**/*.csv", [(1,), (2,)]), ("many.zip!3.txt", [(3,)])]:
        out = f"{wanted[-1][0]}.parquet"
        trommel("convert", pattern, out)
        assert rows(tmp_path / out) == wanted


def test_odd_names_in_a_zip(trommel, tmp_path):
    (tmp_path / "odd.zip").write_bytes(members_named([b"caf\x82.csv", b"\xff\xfe\xfd.csv", b"..\\..\\up.csv", b"quote'\".csv", b"new\nline.csv", "größe.csv".encode()]))
    trommel("convert", "odd.zip", "out.parquet")
    assert rows(tmp_path / "out.parquet") == [(i, i) for i in range(6)]
    (tmp_path / "p.yaml").write_text("name: p\nsources:\n  s: { files: odd.zip }\nsinks:\n  out: { files: 'each/{source_stem}.csv' }\n")
    trommel("run", "p.yaml")
    made = {path.name for path in (tmp_path / "each").iterdir()}
    assert {"café.csv", "größe.csv"} < made and not any("/" in name for name in made) and not list(tmp_path.glob("*.csv"))


def test_a_zip_of_nothing_but_folders(trommel, tmp_path):
    (tmp_path / "none.zip").write_bytes(zipped([("a/", "")]))
    assert "none.zip: there is no file in this zip archive" in trommel("convert", "none.zip", "out.parquet", expect=1)
