"""The same table in every encoding, with every delimiter, gives the same rows and types as UTF-8 with commas."""
import csv
import io
import json
import random

import duckdb
import pytest

WORDS = ["Müller", "naïve", "Zoë", 'say "hé"', "a;b,c|d\te", "", "Ærø"]
EVERYWHERE = ["utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252", "utf-8", "utf-8-sig"]


def table(rows=3000, words=WORDS):
    draw = random.Random(9)
    return [["id", "größe", "tag", "wort", "ja"]] + [
        [str(i), f"{draw.random() * 100:.3f}", f"2024-0{draw.randrange(1, 10)}-1{draw.randrange(10)}", draw.choice(words), draw.choice(["true", "false", ""])]
        for i in range(rows)]


def text_of(rows, delimiter=","):
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return out.getvalue()


def read(trommel, folder, name):
    trommel("convert", name, f"{name}.parquet")
    found = duckdb.sql(f"FROM '{folder}/{name}.parquet' ORDER BY id")
    return found.fetchall(), list(zip(found.columns, map(str, found.types)))


@pytest.mark.parametrize("encoding", EVERYWHERE)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_same_table(trommel, tmp_path, encoding, delimiter):
    (tmp_path / "plain.csv").write_text(text_of(table()))
    (tmp_path / "other.csv").write_bytes(text_of(table(), delimiter).encode(encoding))
    expected = read(trommel, tmp_path, "plain.csv")
    assert len(expected[0]) == 3000 and expected[1][1:] == [("größe", "DOUBLE"), ("tag", "DATE"), ("wort", "VARCHAR"), ("ja", "BOOLEAN")]
    assert read(trommel, tmp_path, "other.csv") == expected


def test_larger_than_the_sample_and_packed(trommel, tmp_path):
    rows = table(200_000)
    (tmp_path / "plain.csv").write_text(text_of(rows))
    (tmp_path / "wide.csv").write_bytes(text_of(rows).encode("utf-16"))
    import gzip
    (tmp_path / "wide.csv.gz").write_bytes(gzip.compress(text_of(rows, ";").encode("utf-16-be"), 1))
    expected = read(trommel, tmp_path, "plain.csv")
    assert read(trommel, tmp_path, "wide.csv") == expected
    assert read(trommel, tmp_path, "wide.csv.gz") == expected


def pipeline(folder, settings):
    (folder / "p.yaml").write_text(f"name: p\nmax_rejects: 10\nsources:\n  s: {{ files: {{ path: in.csv{settings} }} }}\nsinks:\n  out: {{ files: out.parquet }}\n")


@pytest.mark.parametrize("name, codec, word", [("windows-1250", "cp1250", "Łódź"), ("Shift_JIS", "shift_jis", "漢字"), ("iso-8859-15", "iso8859-15", "10 €"),
                                               ("koi8-r", "koi8-r", "Москва"), ("utf-16", "utf-16-be", "x")])
def test_an_encoding_that_is_given(trommel, tmp_path, name, codec, word):
    mark = b"\xfe\xff" if codec == "utf-16-be" else b""
    (tmp_path / "in.csv").write_bytes(mark + f"id,wort\n1,{word}\n".encode(codec))
    pipeline(tmp_path, f", encoding: {name}")
    trommel("run", "p.yaml")
    assert duckdb.sql(f"FROM '{tmp_path}/out.parquet'").fetchall() == [(1, word)]


def test_the_guess_is_shown_with_its_reason(trommel, tmp_path):
    (tmp_path / "in.csv").write_bytes("id,wort\n1,Köln\n".encode("latin-1"))
    pipeline(tmp_path, "")
    assert "encoding windows-1252 (1 byte of words are no UTF-8)" in trommel("plan", "p.yaml")
    (tmp_path / "in.csv").write_bytes("id,wort\n1,Köln\n".encode("utf-16"))
    assert "encoding utf-16le (by the mark at its start)" in trommel("plan", "p.yaml")


def test_an_unknown_encoding_is_a_mistake_of_the_pipeline(trommel, tmp_path):
    (tmp_path / "in.csv").write_text("id\n1\n")
    pipeline(tmp_path, ", encoding: utf-61")
    said = trommel("lint", "p.yaml", expect=78)
    assert "encoding: not known: utf-61" in said and "utf-16" in said


def rejects(folder):
    return [json.loads(line) for path in folder.glob("**/rejects/**/*.jsonl") for line in path.read_text().splitlines()]


def test_bytes_that_mean_nothing_are_a_reject_each_row(trommel, tmp_path):
    good = "id,wort\n" + "".join(f"{i},Köln\n" for i in range(5))
    (tmp_path / "in.csv").write_bytes(good.encode("cp1252") + b"5,M\x81nchen\n6,ok\n")
    pipeline(tmp_path, ", encoding: windows-1252")
    said = trommel("run", "p.yaml")
    assert duckdb.sql(f"SELECT id FROM '{tmp_path}/out.parquet' ORDER BY id").fetchall() == [(i,) for i in [0, 1, 2, 3, 4, 6]], said
    (reject,) = rejects(tmp_path)
    assert reject["code"] == "encoding" and reject["reason"] == "not valid windows-1252" and reject["line"] == 7
    # Bytes of the text in UTF-8: "Köln" takes one more than in the file.
    assert reject["position"] == len(good.encode())
    (tmp_path / "in.csv").write_bytes(b"\xff\xfe" + (good + "5,x").encode("utf-16-le") + b"\x00\xd8" + "\n6,ok\n".encode("utf-16-le"))
    pipeline(tmp_path, "")
    trommel("run", "p.yaml")
    assert any(reject["reason"] == "not valid utf-16le" and reject["line"] == 7 for reject in rejects(tmp_path))
