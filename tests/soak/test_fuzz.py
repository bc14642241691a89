"""Each tests/fuzz/NAME_fuzz.cc under libFuzzer with the address sanitizer for FUZZ_SECONDS (default 120), where there is a clang with its runtime."""
import concurrent.futures
import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS = int(os.environ.get("FUZZ_SECONDS", "120"))
LIBRARIES = ["-lyaml-cpp", "-lfmt", "-lhwy", "-lsimdjson", "-lxxhash", "-lcctz", "-l:libarrow.so.2600", "-l:libarrow_compute.so.2600"]


def files_of(*folders):
    return sorted(str(path.relative_to(ROOT)) for folder in ("avro", "base", "batch", "component", "config", "schedule", "spec", *folders)
                  for path in (ROOT / "src" / folder).glob("*.cc") if not path.stem.endswith("_test"))


# What each one is made of, so that all of it is instrumented.
TARGETS = {
    "yaml": (["src/config/yaml.cc", "src/config/yaml_text.cc", "src/spec/node.cc", "src/base/env.cc", "src/base/error.cc", "src/base/path.cc"],
             ["-lyaml-cpp", "-lfmt"], sorted(ROOT.glob("examples/*/*.yaml")) + sorted(ROOT.glob("tests/errors/*/*.yaml"))),
    "csv": (files_of("codecs/csv", "codecs/text"), LIBRARIES, sorted(ROOT.glob("tests/pipelines/*/*.csv"))),
    "multipart": (["src/connectors/http/multipart.cc", "src/server/message.cc", *files_of()], LIBRARIES, []),
    "avro": (files_of(), LIBRARIES, []),
    "json": (files_of("codecs/csv", "codecs/text", "codecs/json"), LIBRARIES, sorted(ROOT.glob("tests/pipelines/cases/*/*.json*"))),
}


def clang():
    for name in ("clang++-19", "clang++", "clang++-14"):
        if shutil.which(name):
            return name
    pytest.skip("no clang++ here")


FLAGS = ["-std=c++20", "-g", "-O1", "-w", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"]


@pytest.fixture(scope="module")
def arrow():
    return subprocess.run([ROOT / "scripts/fetch", "arrow"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


@pytest.fixture(scope="module")
def compiled(arrow, tmp_path_factory):
    """Gives the object files of sources, each compiled once."""
    folder, known = tmp_path_factory.mktemp("objects"), {}

    def compile_one(source):
        known[source] = folder / (source.replace("/", "-") + ".o")
        done = subprocess.run([clang(), *FLAGS, "-Isrc", "-I", f"{arrow}/include", "-c", source, "-o", known[source]], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 0, done.stderr

    def compile_all(sources):
        with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            list(pool.map(compile_one, [source for source in sources if source not in known]))
        return [known[source] for source in sources]

    return compile_all


@pytest.mark.parametrize("name", TARGETS)
def test_fuzz(name, tmp_path, arrow, compiled):
    sources, libraries, seeds = TARGETS[name]
    program = tmp_path / name
    objects = compiled([f"tests/fuzz/{name}_fuzz.cc", *sources])
    linked = subprocess.run([clang(), *FLAGS, *objects, f"-L{arrow}", f"-Wl,-rpath,{arrow}", *libraries, "-o", program], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    if "libclang_rt" in linked.stderr:
        pytest.skip("this clang has no fuzzer runtime (libclang-rt-19-dev)")
    assert linked.returncode == 0, linked.stderr
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for i, seed in enumerate(seeds):
        shutil.copy(seed, corpus / str(i))
    dictionary = ROOT / f"tests/fuzz/{name}.dict"
    ran = subprocess.run([program, corpus, f"-dict={dictionary}", f"-max_total_time={SECONDS}", "-max_len=2000", "-timeout=10", f"-artifact_prefix={tmp_path}/"],
                         stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True, errors="replace")
    assert ran.returncode == 0, ran.stdout[-4000:]
