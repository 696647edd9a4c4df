"""The one readable log: a line from any process, with that process's name before it, and what the supervisor
itself has to say. Card numbers and keys are masked on the way, whoever wrote them."""

import os
import sys
import threading
from typing import TextIO

from rich.console import Console
from rich.status import Status

from core.redaction import redact

WIDTH = 13
COLOURS = {
    "tollgate": "1;37",
    "web": "32",
    "vault": "35",
    "worker": "36",
    "beat": "34",
    "sandbox": "33",
    "sandbox-two": "93",
    "postgres": "94",
    "valkey": "91",
    "vault-valkey": "95",
}


class Terminal:
    """Lines never mix: whoever writes holds the lock. A reader that went away is no reason to stop."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self.stream = stream
        self.colourful = stream.isatty() and "NO_COLOR" not in os.environ
        self.console = Console(file=stream, highlight=False, soft_wrap=True)
        self.lock = threading.Lock()
        self.status: Status | None = None

    def log(self, name: str, text: str) -> None:
        self._write(f"{self._prefix(name)}{redact(text)}")

    def say(self, text: str) -> None:
        """The supervisor's own words; what it shows, it means to show."""
        self._write(f"{self._prefix('tollgate')}{text}")

    def show(self, text: str) -> None:
        self._write(text)

    def busy(self, titles: list[str]) -> None:
        """What is being waited for, on a terminal's last line; a file needs no such line."""
        if not self.colourful:
            return
        if not titles:
            if self.status is not None:
                self.status.stop()
                self.status = None
            return
        text = " · ".join(titles)
        if self.status is None:
            self.status = self.console.status(text)
            self.status.start()
        else:
            self.status.update(text)

    def _prefix(self, name: str) -> str:
        padded = name.ljust(WIDTH)
        return f"\x1b[{COLOURS.get(name, '37')}m{padded}│\x1b[0m " if self.colourful else f"{padded}| "

    def _write(self, text: str) -> None:
        with self.lock:
            try:
                if self.status is not None:
                    # The spinner's line has to move down, and only rich knows how.
                    self.console.out(text)
                else:
                    self.stream.write(text + "\n")
                    self.stream.flush()
            except (OSError, ValueError):
                return
