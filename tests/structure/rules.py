"""The rules that hold for the tree of sources, as functions from a folder to the lines that break them."""
import json
import pathlib
import re

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.MULTILINE)
FOLDER = re.compile(r"^trommel_folder\((\S+?)\s*(?:DEPS\s+([^)]*?))?\s*(?:LIBS\s+([^)]*?))?\)", re.MULTILINE)

LINES_MAX = 600

# Whose headers may be included where. Folders are prefixes; "" is everywhere.
OWNERS = {
    r"nlohmann/": ["base"],
    r"duckdb": ["query"],
    r"yaml-cpp/": ["config"],
    r"CLI/": ["cli"],
    r"hwy/": ["codecs/csv"],
    r"simdjson": ["codecs/csv", "codecs/json"],
    r"re2/": ["transforms"],
    r"(zlib|zstd)\.h$": ["connectors/files", "codecs/avro"],
    r"snappy\.h$": ["codecs/avro"],
    r"(bzlib|lzma|lz4frame|isa-l|isa-l/.*|igzip_lib)\.h$": ["connectors/files"],
    r"(fcntl|unistd|dirent|poll|sys/.*|arpa/.*|netinet/.*)\.?h?$|fstream$": ["base", "cli", "telemetry"],
    r"cctz/": ["schedule"],
    r"librdkafka/": ["connectors/kafka"],
    r"curl/": ["http"],
    r"(boost|openssl)/": ["server"],
    r"iconv\.h$": ["codecs/text"],
    r"(gtest|gmock|rapidcheck)": [],  # tests only
    r"(arrow|parquet)/|fmt/|tl/expected|xxhash": [""],
}
# Compiled once for a .cc is fine; once for everybody who includes a header of ours is minutes of everybody's day.
HEAVY = re.compile(r"arrow/(api|.*/api)\.h|arrow/(compute|csv|dataset|ipc|json|acero)/|parquet/|base/json\.h")
STANDARD = re.compile(r"[a-z_0-9]+$|(errno|signal|inttypes|pthread|termios|time|string|stdio|stdlib|math|cxxabi|execinfo|immintrin|locale|langinfo)\.h$")


def for_tests(path):
    return path.name.endswith("_test.cc") or path.stem.split("_")[-1] == "testing"


def sources(root, *suffixes):
    return sorted(path for path in (root / "src").rglob("*") if path.suffix in suffixes)


def declared(root):
    """The folders of src as CMakeLists.txt declares them: name -> what it may include from."""
    text = re.sub(r"#[^\n]*", "", (root / "CMakeLists.txt").read_text())
    return {name: (deps or "").split() for name, deps, _ in FOLDER.findall(text)}


def reach(folders):
    """What each folder may include from: itself and, transitively, what it depends on."""
    out = {}
    for name, deps in folders.items():  # lowest first, so what a folder names is known already
        out[name] = {name}.union(*[out.get(dep, {dep}) for dep in deps])
    return out


def folder_of(relative, folders):
    parent = pathlib.PurePosixPath(relative).parent
    for candidate in [parent, *parent.parents]:
        if str(candidate) in folders:
            return str(candidate)
    return None


def order_of_folders(root):
    """A folder is declared after what it uses, and uses only folders that are declared."""
    wrong, seen = [], set()
    for name, deps in declared(root).items():
        wrong += [f"CMakeLists.txt: {name}: uses {dep}, which is not declared above it" for dep in deps if dep not in seen]
        seen.add(name)
    return wrong


def include_directions(root):
    folders = declared(root)
    allowed = reach(folders)
    wrong = []
    for path in sources(root, ".h", ".cc"):
        relative = path.relative_to(root / "src").as_posix()
        top = "/" not in relative  # main.cc and components.cc stand above everything
        mine = folder_of(relative, folders)
        if mine is None and not top:
            wrong.append(f"src/{relative}: its folder is not in CMakeLists.txt")
            continue
        for quote, name in INCLUDE.findall(path.read_text()):
            if quote != '"':
                continue
            if not (root / "src" / name).exists() and not OWNERS_ANY.match(name):
                wrong.append(f"src/{relative}: {name}: no such file (write includes from src/)")
                continue
            theirs = folder_of(name, folders)
            if top or theirs is None or theirs in allowed[mine]:
                continue
            wrong.append(f"src/{relative}: {name}: {mine} may not use {theirs}")
    return wrong


OWNERS_ANY = re.compile("|".join(f"(?:{pattern})" for pattern in OWNERS))


def third_party_owners(root):
    wrong = []
    for path in sources(root, ".h", ".cc"):
        relative = path.relative_to(root / "src").as_posix()
        test = for_tests(path)
        for quote, name in INCLUDE.findall(path.read_text()):
            if (root / "src" / name).exists():
                if for_tests(root / "src" / name) and not test:
                    wrong.append(f"src/{relative}: {name}: is for tests")
                continue
            owners = next((owners for pattern, owners in OWNERS.items() if re.match(pattern, name)), None)
            if owners is None:
                if quote == "<" and not STANDARD.match(name):
                    wrong.append(f"src/{relative}: <{name}>: no owner (name one in tests/structure/rules.py)")
            elif not test and not any(relative.startswith(owner) for owner in owners):
                wrong.append(f"src/{relative}: <{name}>: belongs to {', '.join(owners) or 'tests'}")
    return wrong


def heavy_headers(root):
    return [f"src/{path.relative_to(root / 'src')}: {name}: too heavy for a header, include it in the .cc"
            for path in sources(root, ".h") if not for_tests(path) for _, name in INCLUDE.findall(path.read_text()) if HEAVY.match(name)]


def long_files(root):
    wrong = []
    for path in sources(root, ".h", ".cc"):
        lines = path.read_text().count("\n")
        if lines > LINES_MAX:
            wrong.append(f"{path.relative_to(root)}: {lines} lines (at most {LINES_MAX}: split it)")
    return wrong


def vague_names(root):
    return [f"{path.relative_to(root)}: say what it holds"
            for path in sources(root, ".h", ".cc") if re.search(r"utils?|helpers?|common|misc", path.stem)]


def words(*parts):
    return re.escape("".join(parts))  # in parts, so that this file does not break its own rule


# Packages are named by name; where a registry stands is the business of each client's settings. No one machine is special either.
HOSTS = re.compile("|".join([
    words("py", "pi.", "org"), words("python", "hosted.", "org"), words("registry.", "npm", "js"), words("proxy.", "golang"),
    words("crates.", "io"), words("maven.", "org"), words("deb.", "debian"), words("maven.", "apache"),
]), re.IGNORECASE)
MACHINE = re.compile(r"(?<![\w.$}/])/(?:" + "|".join([words("ro", "ot"), words("ho", "me"), words("wo", "rk")]) + r")/\w")


def named_machines(root, tracked):
    wrong = []
    for name in tracked:
        path = root / name
        if not path.is_file() or path.stat().st_size > 4 << 20:
            continue
        data = path.read_bytes()
        if b"\0" in data[:4096]:
            continue
        for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
            for found in [*HOSTS.findall(line), *MACHINE.findall(line)]:
                wrong.append(f"{name}:{number}: names a registry's host or a path of one machine: {found}")
    return wrong


def left_out_of_the_build(root, compile_commands):
    built = {pathlib.Path(entry["directory"], entry["file"]).resolve() for entry in json.loads(compile_commands.read_text())}
    return [f"{path.relative_to(root)}: in no target (is its folder in CMakeLists.txt?)"
            for path in sources(root, ".cc") if path.resolve() not in built]
