"""The tarball, unpacked elsewhere and run with nothing of this machine's environment."""
import os
import pathlib
import re
import subprocess
import tarfile

import pytest

SOURCE = pathlib.Path(os.environ["TROMMEL_SOURCE"])
BUILD = pathlib.Path(os.environ["TROMMEL_BUILD"])

pytestmark = pytest.mark.skipif("TROMMEL_SANITIZE:STRING=\n" not in (BUILD / "CMakeCache.txt").read_text(),
                                reason="a build with sanitizers is not packed")


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("package")
    done = subprocess.run([SOURCE / "scripts/package", BUILD, folder, "tar"], capture_output=True, text=True,
                          env={**os.environ, "FAST": "1"})
    assert done.returncode == 0, done.stderr
    [tarball] = folder.glob("*.tar.gz")
    elsewhere = tmp_path_factory.mktemp("with a blank")
    with tarfile.open(tarball) as archive:
        archive.extractall(elsewhere, filter="tar")
    [root] = elsewhere.iterdir()
    return root


@pytest.fixture
def run(unpacked, tmp_path):
    def go(*words):
        done = subprocess.run([unpacked / "bin/trommel", *words], cwd=tmp_path, capture_output=True, text=True, timeout=120,
                              env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path)})
        assert done.returncode == 0, done.stderr
        return done.stdout
    return go


def test_it_works(run, tmp_path):
    (tmp_path / "people.csv").write_text("id;name\n1;Ann\n2;Zoë\n")
    run("convert", "people.csv", "people.parquet")
    assert run("query", "people.parquet", "select max(name) as last from data", "--csv") == "last\nZoë\n"
    run("init", "people.csv", "-o", "job")
    run("run", "job/pipeline.yaml")
    run("profile", "job/output/people.parquet", "--html", "page.html")
    assert "<svg" in (tmp_path / "page.html").read_text()


def test_it_needs_nothing_from_elsewhere(unpacked):
    done = subprocess.run(["ldd", unpacked / "bin/trommel"], capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"})
    for name, path in re.findall(r"^\s*(\S+) => (.+?) \(0x", done.stdout, re.M):
        of_c_library = re.match(r"(libc|libm|libdl|librt|libpthread|libresolv)\.so", name)
        assert of_c_library or pathlib.Path(path).resolve().is_relative_to(unpacked), f"{name} comes from {path}"
    assert "not found" not in done.stdout
    for file in [unpacked / "bin/trommel", *(unpacked / "lib/trommel").iterdir()]:
        dynamic = subprocess.run(["readelf", "-d", file], capture_output=True, text=True).stdout
        for path in re.findall(r"(?:RPATH|RUNPATH).*\[(.*)\]", dynamic):
            assert all(part.startswith("$ORIGIN") for part in path.split(":") if part), f"{file.name} looks in {path}"
    assert str(SOURCE).encode() not in (unpacked / "bin/trommel").read_bytes()


def test_what_lies_beside_it(unpacked):
    share = unpacked / "share"
    for name in ["man/man1/trommel.1.gz", "bash-completion/completions/trommel", "zsh/site-functions/_trommel",
                 "fish/vendor_completions.d/trommel.fish", "doc/trommel/LICENSE", "doc/trommel/README.md",
                 "doc/trommel/docs/reference/pipeline.md", "doc/trommel/examples/flights/pipeline.yaml"]:
        assert (share / name).stat().st_size > 0, name
    licences = {path.name for path in (share / "doc/trommel/licenses").iterdir()}
    assert {"arrow", "duckdb"} <= licences
    # One for each library that is shipped: several of them may come from one package.
    libraries = {path.name for path in (unpacked / "lib/trommel").iterdir() if not re.match("libarrow|libparquet|libduckdb", path.name)}
    packages = {subprocess.run(["dpkg", "-S", f"*/{name}"], capture_output=True, text=True).stdout.split(":")[0] for name in libraries}
    assert packages <= licences, packages - licences


def test_manual_page_is_sound(unpacked):
    text = subprocess.run(["gzip", "-dc", unpacked / "share/man/man1/trommel.1.gz"], capture_output=True, text=True, check=True).stdout
    for word in [".SH NAME", "trommel convert", "\\-\\-max\\-rejects", "files (source)", "EXIT STATUS"]:
        assert word in text
    # Each line that begins with a dot is a macro that man knows.
    assert {line.split()[0] for line in text.splitlines() if line.startswith(".")} <= {
        ".TH", ".SH", ".SS", ".TP", ".PP", ".B", ".I", ".nf", ".fi"}
