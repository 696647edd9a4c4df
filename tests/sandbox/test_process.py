"""The bank as a process: how it starts, what it holds at once, what it never writes down, how it ends."""

import asyncio
import signal
import subprocess
import threading
import time
from pathlib import Path

import aiohttp
import pytest
import urllib3

from sandbox.cards import BEHAVIOURS
from tests.sandbox.bank_process import ROOT, SandboxBank, card, new_reference


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_bank_ends_quickly_though_it_holds_a_connection(own_bank: SandboxBank, how: signal.Signals) -> None:
    own_bank.fault("no_answer")
    outcome: list[type[Exception]] = []

    def caller() -> None:
        try:
            own_bank.authorize("op_held")
        except urllib3.exceptions.HTTPError as error:
            outcome.append(type(error))

    held = threading.Thread(target=caller)
    held.start()
    while not own_bank.counts("op_held")["calls"]:
        time.sleep(0.02)
    started = time.monotonic()
    assert own_bank.stop(how) == 0
    assert time.monotonic() - started < 3
    held.join(timeout=5)
    assert outcome == [urllib3.exceptions.ProtocolError]
    assert "Traceback" not in own_bank.log.read_text()


def test_thousand_calls_in_flight_are_all_answered(own_bank: SandboxBank) -> None:
    own_bank.fault("latency", seconds=1)

    async def authorize(session: aiohttp.ClientSession, number: int) -> str:
        body = {
            "reference": f"op_{number}",
            "amount": 100,
            "currency": "usd",
            "capture": True,
            "card": card(),
        }
        async with session.post(f"{own_bank.url}/v1/authorizations", json=body) as response:
            status: str = (await response.json())["status"]
            return status

    async def all_at_once() -> list[str]:
        headers = {"Authorization": "Bearer sandbox"}
        timeout = aiohttp.ClientTimeout(total=60)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(headers=headers, timeout=timeout, connector=connector) as session:
            return await asyncio.gather(*(authorize(session, number) for number in range(1000)))

    assert asyncio.run(all_at_once()) == ["approved"] * 1000
    assert own_bank.counts()["authorize"] == 1000


def test_no_card_number_is_written_anywhere(own_bank: SandboxBank) -> None:
    for number in BEHAVIOURS:
        own_bank.authorize(new_reference(), number=number)
    own_bank.authorize(new_reference(), number="4242424242424241")
    own_bank.call("POST", "/v1/authorizations", {"reference": "op_1", "4242424242424242": "surprise"})
    own_bank.stop()
    folder = own_bank.data.parent
    written = b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())
    assert b"4242" in written
    for number in BEHAVIOURS:
        assert number.encode() not in written
        assert number[:-4].encode() not in written


def test_log_has_one_line_per_call(own_bank: SandboxBank) -> None:
    own_bank.authorize("op_logged", number="4000000000009995")
    own_bank.look_up("op_other")
    own_bank.fault("error_before", times=1)
    own_bank.authorize("op_failed")
    own_bank.stop()
    lines = [line.split(" ", 2)[2] for line in own_bank.log.read_text().splitlines()]
    assert lines == [
        "authorize op_logged 200 declined",
        "lookup op_other 404 unknown_reference",
        "authorize op_failed 500 not done fault=error_before",
    ]


def test_taken_port_and_used_file_are_one_clear_line(own_bank: SandboxBank, tmp_path: Path) -> None:
    same_file = subprocess.run(own_bank.command(), cwd=ROOT, capture_output=True, text=True, timeout=30)
    command = [*own_bank.command()[:-1], str(tmp_path / "other.sqlite3")]
    same_port = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    for ended, words in ((same_file, "database is locked"), (same_port, "cannot listen on 127.0.0.1")):
        assert ended.returncode == 1
        assert len(ended.stderr.splitlines()) == 1
        assert words in ended.stderr


def test_file_that_is_no_bank_is_refused_and_left_alone(tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear reader, this is not a database.\n" * 50)
    command = [*SandboxBank(tmp_path).command()[:-1], str(letter)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 1
    assert "not a database" in ended.stderr
    assert letter.read_text().startswith("Dear reader")


def test_bank_imports_nothing_of_ours() -> None:
    for path in (ROOT / "sandbox").glob("*.py"):
        for line in path.read_text().splitlines():
            if line.startswith(("import ", "from ")):
                module = line.split()[1].split(".")[0]
                assert module == "sandbox" or not (ROOT / module).exists(), f"{path.name}: {line}"
