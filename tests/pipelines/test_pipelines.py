"""Golden pipelines: each case under every variant gives the same rows, rejects and balance.

A case is a folder under cases/: pipeline.yaml, input/, expected.txt, and `flags` where the run needs some. `UPDATE=1` writes expected.txt anew from the plain run: read the difference before you commit it.
"""
import os
from pathlib import Path

import pytest

import golden

CASES = sorted(path for path in (Path(__file__).parent / "cases").iterdir() if (path / "pipeline.yaml").exists())
VARIANTS = {
    "plain": [],
    "batch_1": ["--batch-rows", "1"],
    "batch_7": ["--batch-rows", "7"],
    "batch_2048": ["--batch-rows", "2048"],
    "one_lane": ["--lanes", "1"],
    "four_lanes": ["--lanes", "4"],
    "split_64KB": ["--block-bytes", "64KB"],
    "tiny_blocks": ["--block-bytes", "64"],
    "small_memory": ["--memory", "24MB"],
    "stepped": ["--stepped", "1"],
    "stepped_tiny": ["--stepped", "2", "--block-bytes", "64", "--batch-rows", "7"],
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Path, tmp_path: Path):
    expected = case / "expected.txt"
    if os.environ.get("UPDATE"):
        expected.write_text(golden.observe(golden.copy_of(case, tmp_path)))
    want = expected.read_text()
    for name, flags in VARIANTS.items():
        folder = golden.copy_of(case, tmp_path / name)
        assert golden.observe(folder, *flags) == want, f"variant {name}: {' '.join(flags)}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_second_run_says_nothing_new(case: Path, tmp_path: Path):
    folder = golden.copy_of(case, tmp_path)
    first = golden.observe(folder)
    if "outcome published" not in first:
        return
    outputs = golden.outputs_text(folder)
    assert "outcome nothing_new" in golden.observe(folder)
    assert golden.outputs_text(folder) == outputs
