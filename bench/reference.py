"""What the database alone can do: pgbench with the statements of a charge, prepared, on the same server, in the
same tables, as the same role."""

import json
import os
import re
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bench.room import Room
from bench.usage import cpu_seconds

CLIENTS = 32
PGBENCH_THREADS = 2


class Failed(Exception):
    """pgbench did not do what it was to do; the message holds its own words."""


@dataclass
class Reference:
    """The script, ready to be run any number of times; `merchant` is whose charges it writes."""

    room: Room
    merchant: str
    command: tuple[str, ...]
    charges: int = 0

    def run(self, seconds: int) -> "ReferenceRun":
        before = cpu_seconds(self.room.postgres_process)
        # Ids continue from run to run.
        step = f"step={time.time_ns() // 1000}"
        done = subprocess.run(
            [*self.command, "-T", str(seconds), "-D", step],
            env={**os.environ, "PGPASSWORD": _password(self.room)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or "failed transactions: 0 " not in done.stdout:
            raise Failed(f"pgbench failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        charges = int(_figure(r"actually processed: (\d+)", done.stdout))
        self.charges += charges
        return ReferenceRun(
            charges=charges,
            charges_per_second=_figure(r"tps = ([\d.]+)", done.stdout),
            postgres_cpu_seconds=cpu_seconds(self.room.postgres_process) - before,
        )


@dataclass(frozen=True)
class ReferenceRun:
    charges: int
    charges_per_second: float
    postgres_cpu_seconds: float


def prepare(room: Room) -> Reference:
    asked = json.loads(room.command("charge_script"))
    script = Path(room.plan.data_dir) / "charge.sql"
    script.write_text(asked["script"])
    return Reference(room, asked["merchant"], pgbench_command(room, script, asked["variables"]))


def pgbench_command(room: Room, script: Path, variables: Mapping[str, object]) -> tuple[str, ...]:
    address = urlsplit(room.plan.gateway.url)
    command = [
        *(room.pgbench, "--no-vacuum", "--protocol", "prepared", "--file", str(script)),
        *("--client", str(CLIENTS), "--jobs", str(PGBENCH_THREADS)),
        *("--host", unquote(address.hostname or ""), "--port", str(address.port)),
        *("--username", room.plan.gateway.application),
    ]
    for name, value in variables.items():
        command += ["-D", f"{name}={value}"]
    return (*command, address.path.removeprefix("/"))


def _password(room: Room) -> str:
    return unquote(urlsplit(room.plan.gateway.url).password or "")


def _figure(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    if found is None:
        raise Failed(f"pgbench did not say {pattern!r}:\n{text[-2000:]}")
    return float(found[1])
