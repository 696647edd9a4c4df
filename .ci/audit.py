"""Looks each pinned package up among the known advisories. Ends with 1 where there is one, and with 75 (try again
later) where some could not be looked up, which pip-audit itself calls well."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

NOT_LOOKED_UP = 75
PATIENCE_SECONDS = 300
# Advisories that can not hurt us, each with the reason.
ACCEPTED: dict[str, str] = {}


def main(requirements: str) -> int:
    said = _ask(requirements)
    if isinstance(said, str):
        sys.stdout.write(f"NOT LOOKED UP: {said}\n")
        return NOT_LOOKED_UP
    silent = [one["name"] for one in said if "skip_reason" in one]
    found = [
        f"{one['name']} {one['version']}: {advisory['id']}, "
        f"fixed in {', '.join(advisory['fix_versions']) or 'no version yet'}"
        for one in said
        for advisory in one.get("vulns", [])
        if advisory["id"] not in ACCEPTED
    ]
    lines = [*found, f"{len(said) - len(silent)} of {len(said)} packages looked up, {len(found)} advisories."]
    if silent:
        lines.append(f"NOT LOOKED UP, since the index told nothing of them: {', '.join(silent)}")
    sys.stdout.write("\n".join(lines) + "\n")
    if found:
        return 1
    return NOT_LOOKED_UP if silent or not said else 0


def _ask(requirements: str) -> list[dict[str, Any]] | str:
    """What pip-audit knows of each package, or why it knows nothing."""
    # Each package has its exact version in the file: none has to be fetched to know what it is.
    options = ["--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
    command = [str(Path(sys.executable).with_name("pip-audit")), "-r", requirements, *options]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)  # noqa: S603
        packages: list[dict[str, Any]] = json.loads(said.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        return f"no answer within {PATIENCE_SECONDS} seconds."
    except ValueError:
        return f"the advisories can't be reached.\n{said.stderr.strip()[-500:]}"
    return packages


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
