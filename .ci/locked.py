"""Whether requirements*.txt hold what requirements*.in ask for: exact versions, a hash for every package, and no word
of where they come from. Needs no network; says what `make lock` would have to repair."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# `name[extras]==version`, with a marker or a comment behind it.
PINNED = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[[\w,-]+\])?==(?P<version>[^\s;\\]+)")


def main() -> int:
    wrong = [
        line for stem in ("requirements", "requirements-train", "requirements-dev") for line in _wrong(stem)
    ]
    sys.stdout.write("".join(f"{line}\n" for line in wrong))
    return 1 if wrong else 0


def _wrong(stem: str) -> list[str]:
    asked = [line for line in _lines(f"{stem}.in") if not line.startswith("-r ")]
    locked = _lines(f"{stem}.txt")
    versions = {_name(found["name"]): found["version"] for line in locked if (found := PINNED.match(line))}
    wrong = [f"{stem}.txt: without a hash: {line}" for line in locked if "--hash=sha256:" not in line]
    wrong += [f"{stem}.txt: {line} is an option, not a package" for line in locked if line.startswith("-")]
    for line in asked:
        found = PINNED.match(line)
        if found is None:
            wrong.append(f"{stem}.in: {line!r} names no exact version (name==1.2.3)")
        elif versions.get(_name(found["name"])) != found["version"]:
            wrong.append(f"{stem}.txt: {line} of {stem}.in is not there: run make lock")
    return wrong


def _lines(name: str) -> list[str]:
    """A line for each package, its hashes included."""
    text = re.sub(r"\\\n", " ", (ROOT / name).read_text())
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _name(written: str) -> str:
    """PEP 503: one name for all spellings."""
    return re.sub(r"[-_.]+", "-", written).lower()


if __name__ == "__main__":
    sys.exit(main())
