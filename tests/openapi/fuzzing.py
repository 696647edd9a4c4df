"""Schemathesis over docs/openapi.json against a running gateway, with all of its checks."""

import subprocess
import sys
from pathlib import Path

from tests.support.servers import ROOT

HERE = Path(__file__).resolve().parent


def fuzz(
    url: str,
    key: str,
    *,
    examples: int,
    seed: int,
    phases: str = "coverage,fuzzing",
    report: Path | None = None,
) -> int:
    """Exit code 0 where no answer broke the document; what did is on the terminal, or in `report`."""
    command = [
        *(
            str(Path(sys.executable).with_name("schemathesis")),
            "--config-file",
            str(HERE / "schemathesis.toml"),
        ),
        *(
            "run",
            str(ROOT / "docs" / "openapi.json"),
            "--url",
            url,
            "--header",
            f"Authorization: Bearer {key}",
        ),
        *("--checks", "all", "--max-examples", str(examples), "--seed", str(seed)),
        *("--no-color", "--phases", phases),
    ]
    if report is None:
        return subprocess.run(command, cwd=ROOT, check=False).returncode
    with report.open("w") as output:
        return subprocess.run(command, cwd=ROOT, stdout=output, stderr=output, check=False).returncode
