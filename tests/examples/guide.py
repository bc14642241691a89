"""Pastes the `sh` blocks of a page of the guide, one after the other, into one shell; the block of another kind behind one is what its last command has to print."""
import re
import subprocess

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)


def paste(page, folder, environment, changes=()):
    """Fails where a command does, or prints something else. `…` in the page stands for any text."""
    text = page.read_text()
    for old, new in changes:
        text = text.replace(old, new)
    blocks = FENCE.findall(text)
    pasted = 0
    script = ["set -e -o pipefail", "trap 'kill -9 %1 2> /dev/null || true' EXIT"]
    for number, (kind, text) in enumerate(blocks):
        if kind == "sh":
            script += [f"echo '### {number}'", text]
            pasted += 1
    done = subprocess.run(["bash", "-c", "\n".join(script)], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    printed = {}
    for part in ("\n" + done.stdout).split("\n### ")[1:]:
        number, _, text = part.partition("\n")
        printed[number] = text
    compared = 0
    for number, (kind, text) in enumerate(blocks):
        if kind in ("sh", "bash"):
            continue
        wanted = ".*".join(re.escape(part) for part in text.strip().split("…"))
        assert re.search(wanted, printed[str(number - 1)], re.S), f"{text}\nis not in\n{printed[str(number - 1)]}"
        compared += 1
    return pasted, compared
