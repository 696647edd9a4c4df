"""Every line of the log: whole, with the facts of its work, and without what must not be read."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

CARD, KEY = "4242 4242-42424242", "sk_test_abcdefghijklmnop1234"
SET_UP = """
import logging, sys, threading
from logging.config import dictConfig
from core import trail
from core.logs import logger, set_up
dictConfig(set_up(form=sys.argv[1], level="INFO"))
own, library = logger("tollgate.test"), logging.getLogger("a.library")
"""


def lines(code: str, form: str = "json", *, ends: int = 0) -> list[str]:
    """What a process of ours writes that runs the code."""
    done = subprocess.run(
        [sys.executable, "-c", SET_UP + code, form],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == ends, done.stderr
    return done.stderr.splitlines()


def test_a_line_tells_of_the_work_it_was_written_for() -> None:
    own, library, after = map(
        json.loads,
        lines(
            "with trail.follow('req_1', task='sweep'):\n"
            "    trail.note(charge='ch_1')\n"
            "    own.info('swept', status=200)\n"
            "    library.warning('%s left', 3)\n"
            "own.info('after')"
        ),
    )
    work = {"request_id": "req_1", "task": "sweep", "charge": "ch_1"}
    for line, said in ((own, "swept"), (library, "3 left")):
        assert line | work | {"event": said} == line
    assert (own["status"], own["logger"], own["level"]) == (200, "tollgate.test", "info")
    assert (library["logger"], library["level"]) == ("a.library", "warning")
    assert not set(work) & set(after)


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize(
    "code",
    [
        "own.info(f'paid by {card}', key=key)",
        "own.info('x', deep={'a': [card, {key: key}]}, number=4242424242424242, of=ValueError(card))",
        "library.error('paid by %s with %s', card, [key])",
        "library.error('x', extra={'number': card})",
        "with trail.follow(key, path=card): own.info('x')",
        "try: int('\\n' + key + '\\n' + card)\nexcept ValueError: library.exception('x')",
        "try: raise KeyError(card) from ValueError('\\n' + key)\nexcept KeyError: own.exception('x')",
        "t = threading.Thread(target=lambda: int(card)); t.start(); t.join()",
    ],
)
def test_no_line_holds_a_card_number_or_a_key(form: str, code: str) -> None:
    said = "\n".join(lines(f"card, key = {CARD!r}, {KEY!r}\n{code}", form))
    assert said
    assert "4242424242" not in said.replace(" ", "").replace("-", "")
    assert "abcdefghijkl" not in said


def test_what_nobody_caught_is_a_line_too() -> None:
    (line,) = lines(f"raise RuntimeError({CARD!r})", ends=1)
    told = json.loads(line)
    assert (told["event"], told["level"]) == ("ended by an error", "critical")
    assert "RuntimeError: [card …4242]" in told["exception"]


def test_a_reader_that_went_away_stops_nobody() -> None:
    assert lines("import os; os.close(2); own.info('x'); library.warning('x')") == []


@pytest.mark.parametrize(("form", "level"), [("xml", "INFO"), ("json", "LOUD")])
def test_a_log_that_can_t_be_is_refused_at_the_start(form: str, level: str) -> None:
    code = f"set_up(form={form!r}, level={level!r})"
    wrong = form if form == "xml" else level
    assert f"not {wrong!r}" in lines(code, ends=1)[-1]
