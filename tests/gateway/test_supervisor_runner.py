"""The runner: who dies is started again, all stop in order, and nothing outlives it, however it ends."""

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway import runner as runner_module
from gateway.addresses import answers, free_port
from gateway.child import CannotStart, Child
from gateway.plan import ROOT, wsgi_server
from gateway.runner import Runner
from gateway.terminal import Terminal


class Stage:
    """A runner whose log can be read, and small shell programs for it to run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stream = io.StringIO()
        self.runner = Runner(Terminal(self.stream))

    @property
    def log(self) -> list[str]:
        return self.stream.getvalue().splitlines()

    def shell(self, name: str, script: str, **options: object) -> Child:
        return Child(name, ("/bin/bash", "-c", script), folder=self.folder, **options)  # type: ignore[arg-type]

    def pid(self, name: str) -> int:
        return self.runner.running[name].process.pid

    def look_after(self, until: Callable[[], bool]) -> None:
        def looked() -> bool:
            self.runner.look_after()
            return until()

        wait_for(looked)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.runner.stop(())


def test_every_line_carries_its_process_name(stage: Stage) -> None:
    stage.runner.bring_up([stage.shell("talker", "echo first; echo second >&2; exec sleep 60")])
    wait_for(lambda: len(stage.log) == 2)
    assert sorted(stage.log) == ["talker       | first", "talker       | second"]


def test_no_card_number_or_key_reaches_the_log(stage: Stage) -> None:
    stage.runner.bring_up(
        [stage.shell("leak", "echo 4242424242424242 sk_live_abcdefghijklmnop; exec sleep 60")]
    )
    wait_for(lambda: len(stage.log) == 1)
    assert "424242424242" not in stage.log[0]
    assert "abcdefgh" not in stage.log[0]


def test_child_starts_only_when_what_it_needs_is_ready(stage: Stage) -> None:
    ready = stage.folder / "ready"
    stage.runner.bring_up(
        [
            stage.shell("last", "test -e ready && test -e done && exec sleep 60", after=("server", "step")),
            stage.shell("server", "sleep 0.3; touch ready; exec sleep 60", is_ready=ready.exists),
            stage.shell("step", "sleep 0.2; touch done", once=True),
        ]
    )
    time.sleep(0.2)
    assert stage.runner.running["last"].process.poll() is None


def test_step_that_fails_shows_its_words_and_ends_the_start(stage: Stage) -> None:
    with pytest.raises(CannotStart, match="migrate ended with code 3"):
        stage.runner.bring_up([stage.shell("migrate", "echo what went wrong; exit 3", once=True)])
    assert stage.log == ["migrate      | what went wrong"]


def test_server_that_keeps_dying_before_it_is_ready_ends_the_start(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "FIRST_PAUSE_SECONDS", 0.1)
    with pytest.raises(CannotStart, match="web was ended by SIGKILL before it was ready"):
        stage.runner.bring_up([stage.shell("web", "kill -9 $$", is_ready=lambda: False)])


def test_server_that_finds_its_port_taken_for_a_moment_still_starts(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "FIRST_PAUSE_SECONDS", 0.1)
    ready = stage.folder / "ready"
    script = "test -e second || { touch second; exit 1; }; touch ready; exec sleep 60"
    stage.runner.bring_up([stage.shell("web", script, is_ready=ready.exists)])
    assert stage.log == ["tollgate     | web ended with code 1; starting it again in 0.1 s."]


def test_dead_child_is_started_again_and_the_log_says_so(stage: Stage) -> None:
    stage.runner.bring_up([stage.shell("web", "exec sleep 60")])
    before = stage.pid("web")
    os.kill(before, signal.SIGKILL)
    stage.look_after(until=lambda: stage.pid("web") != before)
    assert "tollgate     | web was ended by SIGKILL; starting it again in 0.5 s." in stage.log
    assert stage.runner.running["web"].process.poll() is None


def test_pause_grows_while_it_keeps_dying(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_module, "FIRST_PAUSE_SECONDS", 0.1)
    stage.runner.bring_up([stage.shell("web", "exit 1")])
    stage.look_after(until=lambda: len(stage.log) == 3)
    assert [line.rpartition(" in ")[2] for line in stage.log] == ["0.1 s.", "0.2 s.", "0.4 s."]


def test_all_stop_in_order_and_who_does_not_listen_is_killed(stage: Stage) -> None:
    def note(name: str) -> str:
        return f"trap 'echo {name} >>order; exit' TERM; touch {name}; while :; do sleep 0.05; done"

    names = ["database", "web", "worker"]
    stage.runner.bring_up(
        [
            *(stage.shell(name, note(name), is_ready=(stage.folder / name).exists) for name in names),
            stage.shell("deaf", "trap '' TERM; while :; do sleep 0.05; done", stop_seconds=0.3),
        ]
    )
    began = time.monotonic()
    stage.runner.stop((("web",), ("worker", "deaf")))
    assert time.monotonic() - began < 3
    assert (stage.folder / "order").read_text().split() == ["web", "worker", "database"]
    assert all(running.process.returncode is not None for running in stage.runner.running.values())


def test_child_knows_nothing_but_what_it_was_given(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_SECRET_KEY", "a secret of somebody else")
    given = Child("step", ("/usr/bin/env",), {"GIVEN": "1"}, once=True)
    stage.runner.bring_up([given])
    names = {line.partition("=")[0] for line in stage.runner.output("step")}
    assert "GIVEN" in names
    assert names <= {"GIVEN", "PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SSL_CERT_FILE"}


SUPERVISOR = """
import sys
from gateway.child import Child
from gateway.runner import Runner
from gateway.terminal import Terminal
deaf = "trap '' TERM INT HUP; echo $$; while :; do sleep 0.1; done"
runner = Runner(Terminal())
runner.bring_up([Child("deaf", ("/bin/bash", "-c", deaf))])
runner.watch()
"""


def test_nothing_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as supervisor:
        assert supervisor.stdout is not None
        child = int(supervisor.stdout.readline().rpartition("| ")[2])
        supervisor.kill()
    wait_for(lambda: not Path(f"/proc/{child}").exists())


APPLICATION = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
from core.lifeline import die_with_server
die_with_server()

def application(environment, start):
    start("200 OK", [])
    return [str(os.getpid()).encode()]
"""


def test_servers_workers_end_with_their_server_those_that_were_started_again_too(stage: Stage) -> None:
    (stage.folder / "tiny.py").write_text(APPLICATION)
    port = free_port()
    command = wsgi_server("tiny:application", port, workers=2, threads=4)
    supervised = {"TOLLGATE_SUPERVISED": "1"}
    stage.runner.bring_up(
        [Child("web", command, supervised, folder=stage.folder, is_ready=lambda: answers(port, "/"))]
    )
    wait_for(lambda: len(children(stage.pid("web"))) >= 2)
    (worker, *_) = children(stage.pid("web"))
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: worker not in children(stage.pid("web")) and answers(port, "/"))
    workers = children(stage.pid("web"))
    os.kill(stage.pid("web"), signal.SIGKILL)
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))


def children(pid: int) -> list[int]:
    """Its children, as long as it lives."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def wait_for(holds: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
