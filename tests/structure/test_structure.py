"""Holds the tree to its rules, and the rules to what they promise: each is tried on a small tree that breaks it."""
import os
import pathlib
import subprocess

import pytest

import rules

ROOT = pathlib.Path(os.environ.get("TROMMEL_SOURCE") or pathlib.Path(__file__).parents[2])
BUILD = pathlib.Path(os.environ.get("TROMMEL_BUILD") or ROOT / "build" / "release")
TROMMEL = os.environ.get("TROMMEL") or str(BUILD / "trommel")


def report(wrong):
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.parametrize("rule", [rules.order_of_folders, rules.include_directions, rules.third_party_owners,
                                  rules.heavy_headers, rules.long_files, rules.vague_names], ids=lambda rule: rule.__name__)
def test_sources_keep(rule):
    report(rule(ROOT))


def test_no_machine_is_named():
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout.decode().split("\0")
    assert len(tracked) > 10
    report(rules.named_machines(ROOT, [name for name in tracked if name]))


def test_every_source_is_built():
    report(rules.left_out_of_the_build(ROOT, BUILD / "compile_commands.json"))


def test_every_folder_of_tests_runs():
    """A unit test that compiles but is not among ctest's entries proves nothing."""
    shown = subprocess.run(["ctest", "-N"], cwd=BUILD, check=True, stdout=subprocess.PIPE, text=True).stdout
    entries = {line.split(": ", 1)[1].strip() for line in shown.splitlines() if "Test " in line and ": " in line}
    wanted = {rules.folder_of(path.relative_to(ROOT / "src").as_posix(), rules.declared(ROOT)).replace("/", "_")
              for path in rules.sources(ROOT, ".cc") if path.name.endswith("_test.cc")}
    wanted |= {f"tests_{path.parent.name}" for path in (ROOT / "tests").glob("*/test_*.py") if path.parent.name not in ("soak", "servers")}
    if "TROMMEL_SANITIZE:STRING=\n" not in (BUILD / "CMakeCache.txt").read_text():
        wanted -= {"tests_package", "tests_examples"}  # of what ships
    assert wanted and wanted <= entries, sorted(wanted - entries)


EXAMPLES = sorted((ROOT / "examples").glob("*/pipeline.yaml"))


@pytest.mark.parametrize("pipeline", EXAMPLES, ids=lambda path: path.parent.name)
def test_example_is_linted(pipeline):
    done = subprocess.run([TROMMEL, "lint", str(pipeline)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout


# ---- the rules themselves --------------------------------------------------------------------------------------------

CMAKE = """
trommel_folder(base)
trommel_folder(batch DEPS base)   # a comment (with DEPS engine)
trommel_folder(codecs/csv DEPS batch LIBS deps::hwy)
trommel_folder(engine DEPS batch)
"""


@pytest.fixture
def tree(tmp_path):
    def write(**files):
        (tmp_path / "CMakeLists.txt").write_text(files.pop("cmake", CMAKE))
        (tmp_path / "src/base").mkdir(parents=True, exist_ok=True)
        for name, text in {"base/error.h": "", **files.pop("src", {})}.items():
            path = tmp_path / "src" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path
    return write


@pytest.mark.parametrize("rule, files, says", [
    (rules.include_directions, {"batch/batch.cc": '#include "engine/run.h"\n', "engine/run.h": ""}, "batch may not use engine"),
    (rules.include_directions, {"engine/run.cc": '#include "codecs/csv/reader.h"\n', "codecs/csv/reader.h": ""}, "may not use codecs/csv"),
    (rules.include_directions, {"engine/run.cc": '#include "run.h"\n', "engine/run.h": ""}, "no such file"),
    (rules.include_directions, {"stray/a.cc": ""}, "not in CMakeLists.txt"),
    (rules.third_party_owners, {"engine/run.cc": "#include <duckdb.h>\n"}, "belongs to query"),
    (rules.third_party_owners, {"engine/run.cc": '#include "duckdb.h"\n'}, "belongs to query"),
    (rules.third_party_owners, {"engine/run.cc": "#include <poco/net.h>\n"}, "no owner"),
    (rules.third_party_owners, {"engine/run.cc": "#include <gtest/gtest.h>\n"}, "belongs to tests"),
    (rules.third_party_owners, {"engine/run.cc": "#include <fstream>\n"}, "belongs to base"),
    (rules.third_party_owners, {"engine/run.cc": '#include "engine/testing.h"\n', "engine/testing.h": "#include <gtest/gtest.h>\n"}, "is for tests"),
    (rules.heavy_headers, {"engine/run.h": "#include <arrow/api.h>\n"}, "too heavy"),
    (rules.heavy_headers, {"engine/run.h": '#include "arrow/compute/cast.h"\n'}, "too heavy"),
    (rules.heavy_headers, {"engine/run.h": "#include <parquet/arrow/writer.h>\n"}, "too heavy"),
    (rules.long_files, {"engine/run.cc": "\n" * 601}, "601 lines"),
    (rules.vague_names, {"engine/string_utils.h": ""}, "say what it holds"),
])
def test_rule_finds(tree, rule, files, says):
    found = rule(tree(src=files))
    assert len(found) == 1 and says in found[0], found


@pytest.mark.parametrize("rule", [rules.include_directions, rules.third_party_owners, rules.heavy_headers, rules.long_files])
def test_rule_lets_pass(tree, rule):
    assert rule(tree(src={
        "engine/run.h": '#pragma once\n#include <arrow/type_fwd.h>\n#include <vector>\n#include "base/error.h"\n#include "tl/expected.hpp"\n',
        "engine/run.cc": '#include "engine/run.h"\n#include <arrow/api.h>\n' + "\n" * 500,
        "engine/run_test.cc": "#include <gtest/gtest.h>\n",
        "codecs/csv/scan.cc": "#include <hwy/highway.h>\n",
        "main.cc": '#include "engine/run.h"\n'})) == []


def test_rule_finds_a_folder_declared_too_early(tree):
    found = rules.order_of_folders(tree(cmake="trommel_folder(batch DEPS engine)\ntrommel_folder(engine)\n"))
    assert len(found) == 1 and "batch: uses engine" in found[0]


@pytest.mark.parametrize("line", ["see " + "py" + "pi.org/x", "cd /" + "root/x", "'/" + "home/me/data'", "registry." + "npm" + "js.org"])
def test_rule_finds_a_named_machine(tmp_path, line):
    (tmp_path / "a.md").write_text(f"fine\n{line}\n")
    found = rules.named_machines(tmp_path, ["a.md"])
    assert len(found) == 1 and found[0].startswith("a.md:2:")


def test_rule_lets_ordinary_paths_pass(tmp_path):
    (tmp_path / "a.md").write_text("$HOME/.cache ${X}/work/x usr/home/x ../work/x framework/x\n")
    assert rules.named_machines(tmp_path, ["a.md"]) == []


def test_rule_finds_what_is_not_built(tree):
    root = tree(src={"engine/run.cc": "", "engine/run_test.cc": ""})
    commands = root / "compile_commands.json"
    commands.write_text('[{"directory": "%s", "file": "src/engine/run.cc"}]' % root)
    assert rules.left_out_of_the_build(root, commands) == ["src/engine/run_test.cc: in no target (is its folder in CMakeLists.txt?)"]
