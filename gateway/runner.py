"""Keeps a set of children running: starts each when what it needs is ready, starts those again that die, and
stops all in order. All children are forked from the main thread, because their lives are tied to it."""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from gateway.child import CannotStart, Child, ending, launch, stop
from gateway.embedded import EmbeddedServer
from gateway.terminal import Terminal

# A machine that starts everything at once for the first time, and slowly.
READY_SECONDS = 120.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0
RETRIES_AT_START = 2
# Who ran this long was well: its next death is a new one, not the same one again.
WELL_SECONDS = 30.0

Start = Callable[[int], subprocess.Popen[bytes]]


@dataclass
class Running:
    child: Child
    start: Start
    process: subprocess.Popen[bytes]
    reader: threading.Thread
    since: float
    ready: bool = False
    deaths: int = 0
    again_at: float | None = None
    lines: list[str] = field(default_factory=list)


class Runner:
    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.running: dict[str, Running] = {}

    def embed(self, server: EmbeddedServer, title: str) -> None:
        """Starts a server that others need, and waits for it."""
        self.terminal.busy([title])
        began = time.monotonic()
        running = self._run(server.child, lambda output: server.start(output=output))
        running.ready = True
        self.terminal.say(f"{title}: {time.monotonic() - began:.1f} s")

    def bring_up(self, children: Iterable[Child]) -> None:
        """Returns when all are ready, or have done what they had to do; CannotStart when one could not."""
        waiting = list(children)
        done: set[str] = set()
        while waiting or not all(running.ready for running in self.running.values()):
            for child in [child for child in waiting if done.issuperset(child.after)]:
                waiting.remove(child)
                self._run(child, lambda output, child=child: launch(child, output=output))  # type: ignore[misc]
            for running in self.running.values():
                if not running.ready:
                    running.ready = self._became_ready(running)
                if running.ready:
                    done.add(running.child.name)
            self.terminal.busy(
                [r.child.title for r in self.running.values() if not r.ready and r.child.title]
            )
            time.sleep(0.02)
        self.terminal.busy([])

    def watch(self) -> None:
        while True:
            self.look_after()
            time.sleep(0.1)

    def look_after(self) -> None:
        """One round: what has died is started again, after a pause that grows while it keeps dying."""
        for running in self.running.values():
            if not running.child.once and running.process.poll() is not None:
                self._revive_or_mourn(running)

    def output(self, name: str) -> list[str]:
        """What a `once` child printed."""
        self.running[name].reader.join(1)
        return self.running[name].lines

    def stop(self, order: Iterable[Iterable[str]]) -> None:
        """Group after group as given, then what is left: those that the others needed."""
        named = [[self.running[name] for name in group if name in self.running] for group in order]
        first = [running for running in self.running.values() if running.child.once]
        listed = [running.child.name for group in [*named, first] for running in group]
        last = [running for running in self.running.values() if running.child.name not in listed]
        for group in [first, *named, last]:
            stoppers = [threading.Thread(target=stop, args=(r.process, r.child)) for r in group]
            for stopper in stoppers:
                stopper.start()
            for stopper in stoppers:
                stopper.join()
        for running in self.running.values():
            running.reader.join(0.5)

    def kill(self) -> None:
        """At once, for who does not want to wait. Databases still get their own way of stopping."""
        for running in self.running.values():
            if running.process.poll() is None:
                running.process.send_signal(running.child.death_signal)

    def _run(self, child: Child, start: Start) -> Running:
        lines: list[str] = []
        process, reader = self._spawn(child, start, lines)
        running = Running(child, start, process, reader, since=time.monotonic(), lines=lines)
        self.running[child.name] = running
        return running

    def _spawn(
        self, child: Child, start: Start, lines: list[str]
    ) -> tuple[subprocess.Popen[bytes], threading.Thread]:
        ours, theirs = os.pipe()
        reader = threading.Thread(target=self._read, args=(child, ours, lines), daemon=True)
        reader.start()
        try:
            return start(theirs), reader
        finally:
            os.close(theirs)

    def _read(self, child: Child, pipe: int, lines: list[str]) -> None:
        with open(pipe, encoding="utf-8", errors="replace") as stream:
            for line in stream:
                if child.once:
                    lines.append(line.rstrip())
                elif not any(noise in line for noise in child.noise):
                    self.terminal.log(child.name, line.rstrip())

    def _became_ready(self, running: Running) -> bool:
        child, code = running.child, running.process.poll()
        took = time.monotonic() - running.since
        if code is not None and not (child.once and code == 0):
            self._retry(running)
            return False
        if took > READY_SECONDS:
            raise CannotStart(f"{child.name} was not ready after {READY_SECONDS:.0f} s.")
        ready = code == 0 if child.once else child.is_ready is None or child.is_ready()
        if ready and child.title:
            self.terminal.say(f"{child.title}: {took:.1f} s")
        return ready

    def _retry(self, running: Running) -> None:
        """A server that died at its start may find its port free a moment later; a step is not repeated."""
        child, code = running.child, running.process.returncode
        if child.once or (running.again_at is None and running.deaths == RETRIES_AT_START):
            running.reader.join(1)
            for line in running.lines:
                self.terminal.log(child.name, line)
            raise CannotStart(f"{child.name} {ending(code)} before it was ready; its own words are above.")
        self._revive_or_mourn(running)

    def _revive_or_mourn(self, running: Running) -> None:
        if running.again_at is None:
            self._mourn(running)
        elif time.monotonic() >= running.again_at:
            self._start_again(running)

    def _mourn(self, running: Running) -> None:
        lived = time.monotonic() - running.since
        running.deaths = 1 if lived > WELL_SECONDS else running.deaths + 1
        pause = min(FIRST_PAUSE_SECONDS * 2 ** (running.deaths - 1), LONGEST_PAUSE_SECONDS)
        running.again_at = time.monotonic() + pause
        said = f"{running.child.name} {ending(running.process.returncode)}; starting it again in {pause:g} s."
        self.terminal.say(said)

    def _start_again(self, running: Running) -> None:
        running.again_at = None
        running.since = time.monotonic()
        try:
            running.process, running.reader = self._spawn(running.child, running.start, running.lines)
        except CannotStart as error:
            self.terminal.say(str(error))
            self._mourn(running)
