"""What people do to a watched folder, and what must come of it."""

import gzip
import os
import random
import time
import zipfile


def rows_of(file, count=20):
    return [(file * 1000 + i, f"w{i % 7}") for i in range(count)]


def test_files_that_were_there_before(watched):
    watched.pipeline()
    expected = []
    for file in range(30):
        watched.drop(f"f{file}.csv", rows_of(file))
        expected += rows_of(file)
    said = watched.once()
    watched.expect(expected)
    assert watched.left() == []
    assert len(list((watched.folder / "out").iterdir())) == 30
    assert "ok" in said and "took in/f7.csv: 20 rows" in watched.log()
    assert "nothing new" in watched.once()
    watched.expect(expected)


def test_names_of_all_kinds_in_nested_folders(watched):
    watched.pipeline(path="in/**/*.csv")
    expected = []
    for file, name in enumerate(["a.csv", "sub/a.csv", "sub/deeper still/a.csv", "naïve ☃.csv", "q'uo\"te;.csv", "%2F.csv"]):
        watched.drop(name, rows_of(file))
        expected += rows_of(file)
    watched.once()
    watched.expect(expected)
    assert watched.left() == []
    assert len(list((watched.folder / "out").iterdir())) == 6  # three of them are called a


def test_dropped_while_it_runs(watched):
    watched.pipeline(top="commit: { every: 100ms }")
    watched.start()
    expected = []
    for file in range(200):
        watched.drop(f"f{file}.csv", rows_of(file))
        expected += rows_of(file)
    watched.until(lambda: watched.left() == [], "all files are taken")
    # The same name again is a new file.
    watched.drop("f0.csv", rows_of(1000))
    expected += rows_of(1000)
    watched.until(lambda: watched.log().count("took in/f0.csv") == 2, "the second f0 is taken")
    said = watched.stop()
    watched.expect(expected)
    assert "4,020" in said


def test_a_file_that_still_grows_is_left_alone(watched):
    watched.pipeline()
    watched.start()
    rows = rows_of(1, 300)
    with open(watched.inbox / "slow.csv", "w") as file:
        file.write("id,word\n")
        for number, word in rows:
            file.write(f"{number},{word}\n")
            file.flush()
            time.sleep(0.01)
        assert "took" not in watched.log()
    watched.until(lambda: watched.left() == [], "it is taken once it was closed")
    watched.stop()
    watched.expect(rows)


def test_settle_waits_for_files_that_are_closed_and_opened_again(watched):
    watched.pipeline(files="after: delete, settle: 1s")
    watched.start()
    rows = rows_of(1, 10)
    (watched.inbox / "appended.csv").write_text("id,word\n")
    for number, word in rows:
        with open(watched.inbox / "appended.csv", "a") as file:
            file.write(f"{number},{word}\n")
        time.sleep(0.2)
    watched.until(lambda: watched.left() == [], "it is taken once it stood still")
    watched.stop()
    watched.expect(rows)


def test_the_folder_goes_away_and_comes_back(watched):
    watched.pipeline()
    watched.start()
    watched.drop("a.csv", rows_of(1))
    watched.until(lambda: watched.left() == [], "the first is taken")
    watched.inbox.rename(watched.folder / "elsewhere")
    watched.until(lambda: "is not there" in watched.log(), "it says that the folder is gone")
    (watched.folder / "elsewhere").rename(watched.inbox)
    watched.drop("b.csv", rows_of(2))
    watched.until(lambda: watched.left() == [], "the second is taken")
    watched.stop()
    watched.expect(rows_of(1) + rows_of(2))
    assert "is there again" in watched.log()


def test_a_file_that_vanishes(watched):
    watched.pipeline(top="commit: { every: 50ms }")
    watched.start()
    expected = 0
    for file in range(100):
        watched.drop(f"f{file}.csv", rows_of(file))
        try:
            os.unlink(watched.inbox / f"f{file}.csv")
        except FileNotFoundError:
            expected += 1  # it was quicker
    watched.drop("last.csv", rows_of(500))
    watched.until(lambda: "took in/last.csv" in watched.log(), "the last is taken")
    watched.stop()
    assert sum(watched.table().values()) == (expected + 1) * 20


def test_a_bad_file_is_refused_and_its_mended_self_taken(watched):
    watched.pipeline(files="after: delete, rejects: { whole_file: refused }")
    watched.start()
    watched.drop("good.csv", rows_of(1))
    watched.drop("bad.csv", rows_of(2, 5) + [("x", "y")])
    refused = watched.folder / "refused"
    watched.until(lambda: (refused / "bad.csv").exists() and watched.left() == [], "it is refused")
    why = (refused / "bad.csv.why.txt").read_text()
    assert "line 7: id:" in why and "x,y" in why and "none of its 6 rows was taken" in why
    watched.drop("bad.csv", rows_of(2, 5))
    watched.until(lambda: "took in/bad.csv" in watched.log(), "the mended one is taken")
    # Refused again under the same name: the first refusal stays.
    watched.drop("bad.csv", [("z", "y")])
    watched.until(lambda: (refused / "bad-2.csv").exists(), "it is refused under another name")
    said = watched.stop()
    watched.expect(rows_of(1) + rows_of(2, 5))
    assert (refused / "bad-2.csv.why.txt").exists()
    assert "rejected: file_refused" in said


def test_many_blocks_of_a_refused_file_leave_nothing(watched):
    watched.pipeline(files="after: delete, rejects: { whole_file: refused }")
    good = rows_of(1, 50_000)
    watched.drop("a-good.csv", good)
    watched.drop("bad.csv", rows_of(2, 50_000) + [("x", "y")])
    watched.once("--block-bytes", "16384")
    watched.expect(good)
    assert sorted(p.name for p in (watched.folder / "refused").iterdir()) == ["bad.csv", "bad.csv.why.txt"]


def test_without_a_folder_for_bad_files_the_budget_stops_the_run(watched):
    watched.pipeline()
    watched.drop("good.csv", rows_of(1))
    watched.drop("bad.csv", rows_of(2, 5) + [("x", "y")])
    said = watched.once(code=1)
    assert "max_rejects" in said
    assert watched.left() == ["bad.csv", "good.csv"], "they are put back"
    watched.expect([])
    watched.once("--max-rejects", "1")
    watched.expect(rows_of(1) + rows_of(2, 5))


def test_a_damaged_file_waits_for_its_repair_and_holds_nobody_up(watched):
    watched.pipeline(path="in/*")
    whole = gzip.compress(b"id,word\n" + b"".join(b"%d,w\n" % i for i in range(50_000)))
    (watched.inbox / "damaged.csv.gz").write_bytes(whole[: len(whole) // 2])
    watched.drop("good.csv", rows_of(1))
    watched.once()
    watched.expect(rows_of(1))
    assert watched.left() == ["damaged.csv.gz"]
    assert "left for later" in watched.log()
    (watched.inbox / "damaged.csv.gz").write_bytes(whole)
    watched.once()
    watched.expect(rows_of(1) + [(i, "w") for i in range(50_000)])


def test_an_archive_is_taken_as_one(watched):
    watched.pipeline(path="in/*", files="after: delete, rejects: { whole_file: refused }")
    for name, bad in [("good.zip", False), ("bad.zip", True)]:
        with zipfile.ZipFile(watched.inbox / f".{name}", "w") as archive:
            for member in range(3):
                rows = rows_of(member + (10 if bad else 0), 5) + ([("x", "y")] if bad and member == 1 else [])
                archive.writestr(f"m{member}.csv", "id,word\n" + "".join(f"{i},{w}\n" for i, w in rows))
        (watched.inbox / f".{name}").rename(watched.inbox / name)
    watched.once()
    watched.expect([row for member in range(3) for row in rows_of(member, 5)])
    assert watched.left() == []
    assert sorted(p.name for p in (watched.folder / "refused").iterdir()) == ["bad.zip", "bad.zip.why.txt"]


def test_the_same_content_twice(watched):
    watched.pipeline(files="after: delete, same_content: skip, remember: 1d")
    watched.drop("a.csv", rows_of(1))
    watched.drop("b.csv", rows_of(1))
    watched.once()
    watched.expect(rows_of(1))
    assert watched.left() == []
    assert "skipped in/b.csv: the same content was taken before" in watched.log()
    watched.drop("c.csv", rows_of(1))  # in another run
    watched.drop("d.csv", rows_of(2))
    watched.once()
    watched.expect(rows_of(1) + rows_of(2))
    assert watched.left() == []


def test_moved_or_kept(watched):
    watched.pipeline(path="in/**/*.csv", files="after: move, move_to: in/taken")
    watched.drop("a.csv", rows_of(1))
    watched.drop("sub/a.csv", rows_of(2))
    watched.once()
    assert watched.left() == ["taken/a.csv", "taken/sub/a.csv"]
    assert "nothing new" in watched.once()
    watched.drop("a.csv", rows_of(3))
    watched.once()
    assert watched.left() == ["taken/a-2.csv", "taken/a.csv", "taken/sub/a.csv"]
    watched.expect(rows_of(1) + rows_of(2) + rows_of(3))

    watched.pipeline(path="in/*.csv", files="after: keep")
    watched.drop("k.csv", rows_of(4))
    watched.once()
    assert "nothing new" in watched.once()
    watched.drop("k.csv", rows_of(5))  # another file under its name
    watched.once()
    watched.expect(rows_of(1) + rows_of(2) + rows_of(3) + rows_of(4) + rows_of(5))


def test_a_large_file_is_published_in_pieces(watched):
    watched.pipeline(path="in/*", out="out/", top="commit: { every: 0s, rows: 10000 }")
    rows = rows_of(0, 120_000)
    text = "id,word\n" + "".join(f"{number},{word}\n" for number, word in rows)
    (watched.inbox / "large.csv").write_text(text)
    (watched.inbox / "packed.csv.gz").write_bytes(gzip.compress(text.encode()))
    watched.once("--block-bytes", "16384")
    watched.expect(rows + rows)
    assert len(list((watched.folder / "out").rglob("*.parquet"))) > 10
    assert watched.left() == []


def test_empty_folders_of_dead_claims_go(watched):
    watched.pipeline()
    (watched.inbox / ".trommel-drops/7-3/sub").mkdir(parents=True)
    watched.drop("a.csv", rows_of(1))
    watched.once()
    watched.expect(rows_of(1))
    assert list(watched.inbox.iterdir()) == []


def test_killed_again_and_again(watched):
    watched.pipeline(
        path="in/**/*.csv",
        files="after: delete, rejects: { whole_file: refused }",
        top="commit: { every: 0s, rows: 2000 }",
    )
    draw = random.Random(7)
    expected, bad = [], 0
    for file in range(400):
        rows = rows_of(file, draw.randint(1, 300))
        if draw.random() < 0.03:
            watched.drop(f"d{file % 3}/f{file}.csv", rows + [("x", "y")])
            bad += 1
        else:
            watched.drop(f"d{file % 3}/f{file}.csv", rows)
            expected += rows
    kills = 0
    while watched.left():
        watched.start("--block-bytes", "8192")
        seen = time.monotonic()
        while watched.left() and time.monotonic() - seen < 0.05 + draw.random() * 0.5 + kills * 0.02:  # a slow build gets on too
            time.sleep(0.005)
        if not watched.left():
            break
        watched.process.kill()
        watched.process.wait()
        (watched.folder / "log.txt").unlink()
        kills += 1
        assert kills < 200
    if watched.process.poll() is None:
        watched.stop()
    watched.once()
    watched.expect(expected)
    refused = [p.name for p in (watched.folder / "refused").rglob("*.csv")]
    assert len(refused) == bad == len(set(refused))
    assert kills >= 3


def test_the_state_folder_does_not_grow_with_the_epochs(watched):
    watched.pipeline()
    text = (watched.folder / "p.yaml").read_text()
    text = text.replace("\nsinks:", "commit: { every: 20ms }\ntransforms:\n  tidy: { clean: { dedupe: within_file } }\n\nsinks:").replace("from: drops", "from: tidy")
    (watched.folder / "p.yaml").write_text(text)
    watched.start()
    for file in range(12):
        watched.drop(f"f{file}.csv", rows_of(file))
        watched.until(lambda: f"took in/f{file}.csv" in watched.log(), f"file {file} is an epoch")
    watched.stop()
    watched.expect([row for file in range(12) for row in rows_of(file)])
    state = [str(path.relative_to(watched.folder)) for path in (watched.folder / ".trommel").rglob("*") if path.is_file()]
    assert len([path for path in state if "transforms/" in path]) in (1, 2, 3)  # this is a pipeline that remembers something
    assert len(state) < 12, state
