"""A hundred thousand histories of crashes and faults under the real engine, on all cores; and in how many each planted mistake is caught.

SEEDS sets another number."""
import concurrent.futures
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIMULATE = pathlib.Path(os.environ.get("TROMMEL_BUILD") or ROOT / "build" / "release") / "tests" / "simulate"
SEEDS = int(os.environ.get("SEEDS", "100000"))
SHARE = 2500


def simulate(*words):
    done = subprocess.run([SIMULATE, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def test_nothing_is_lost_and_nothing_doubled():
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        shares = list(pool.map(lambda first: simulate("--first", first, "--seeds", min(SHARE, SEEDS + 1 - first)), range(1, SEEDS + 1, SHARE)))
    print()
    for _, text in shares:
        print(text, end="")
    assert [text for code, text in shares if code] == []


def test_every_planted_mistake_is_caught():
    code, text = simulate("--mistake", "all", "--seeds", min(SEEDS, 1000))
    print("\n" + text)
    assert code == 0
