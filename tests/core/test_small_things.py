"""Ids, money, redaction, signatures, fault points and processes."""

import os
import subprocess
import sys
import time
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import processes, signing
from core.ids import new_id
from core.money import CURRENCIES, decimals, display, share
from core.redaction import luhn_valid, redact


def test_ids_sort_by_time_and_do_not_repeat() -> None:
    ids = []
    for _ in range(50):
        ids.append(new_id("ch"))
        time.sleep(0.0011)
    assert ids == sorted(ids)
    assert len({new_id("ch") for _ in range(10_000)}) == 10_000
    assert all(len(public_id) == len("ch_") + 24 for public_id in ids)


def test_a_forked_process_makes_other_ids_than_its_parent() -> None:
    """Ids are made in advance; none may be handed out on both sides of a fork."""
    program = (
        "import os; from core.ids import new_id; new_id('ch'); child = os.fork();"
        "child and os.wait(); print(new_id('ch')[-16:], flush=True)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert len(set(done.stdout.split())) == 2


@pytest.mark.parametrize(
    ("amount_minor", "currency", "shown"),
    [
        (1250, "eur", "12.50 EUR"),
        (-5, "usd", "-0.05 USD"),
        (1250, "jpy", "1,250 JPY"),
        (1250, "bhd", "1.250 BHD"),
    ],
)
def test_money_is_shown_with_its_currencys_decimals(amount_minor: int, currency: str, shown: str) -> None:
    assert display(amount_minor, currency) == shown


def test_every_currency_has_decimals() -> None:
    assert {decimals(currency) for currency in CURRENCIES} == {0, 2, 3}
    with pytest.raises(KeyError):
        decimals("xxx")


@given(st.integers(0, 10**12), st.integers(0, 1_000_000))
def test_a_share_is_rounded_half_up_in_integers(amount_minor: int, millionths: int) -> None:
    exact = Decimal(amount_minor) * millionths / 1_000_000
    assert share(amount_minor, millionths) == exact.quantize(Decimal(1), rounding=ROUND_HALF_UP)


@pytest.mark.parametrize(
    "text", ["4242424242424242", "4242 4242 4242 4242", "4242-4242-4242-4242", "n=378282246310005;"]
)
def test_card_numbers_are_masked_however_they_are_written(text: str) -> None:
    assert "4242 4242" not in redact(text) and "42424242" not in redact(text)
    assert "[card …" in redact(f"a {text} b")


@pytest.mark.parametrize("text", ["1795223338", "ch_0VbZ8B67hOJgi6SM4g1yoDBc", "4242424242424241", "12.50"])
def test_other_numbers_stay(text: str) -> None:
    assert redact(text) == text


def test_keys_are_masked() -> None:
    assert redact("Bearer sk_test_abcdefghijklmnop1234") == "Bearer sk_test_****************1234"
    assert "secretsecret" not in redact("whsec_secretsecretsecret")


@given(st.text("0123456789", min_size=12, max_size=18))
def test_luhn_accepts_exactly_one_check_digit(digits: str) -> None:
    assert sum(luhn_valid(digits + str(check)) for check in range(10)) == 1


def test_a_signature_holds_for_its_call_only(monkeypatch: pytest.MonkeyPatch) -> None:
    header = signing.sign("s", "POST", "/a?b=1", b"body", context="acct_1")
    assert signing.verify("s", header, "POST", "/a?b=1", b"body", context="acct_1")
    for call in (
        ("x", header, "POST", "/a?b=1", b"body", "acct_1"),
        ("s", header, "GET", "/a?b=1", b"body", "acct_1"),
        ("s", header, "POST", "/a?b=2", b"body", "acct_1"),
        ("s", header, "POST", "/a?b=1", b"other", "acct_1"),
        ("s", header, "POST", "/a?b=1", b"body", "acct_2"),
        ("s", "", "POST", "/a?b=1", b"body", "acct_1"),
        ("s", "t=x,v1=y", "POST", "/a?b=1", b"body", "acct_1"),
    ):
        *known, context = call
        assert not signing.verify(*known, context=context)  # type: ignore[arg-type]
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 61)
    assert not signing.verify("s", header, "POST", "/a?b=1", b"body", context="acct_1")


def test_a_process_knows_the_dead_from_the_living() -> None:
    assert not processes.is_dead(processes.me())
    code = "from core import processes; print(processes.me())"
    root = Path(__file__).resolve().parents[2]
    gone = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert processes.is_dead(gone.stdout.strip())


def test_a_process_of_another_machine_is_not_known_to_be_dead() -> None:
    assert not processes.is_dead("another-boot/pid:[1]/1/1")
    assert not processes.is_dead("")


def at_a_fault_point(folder: Path, code: str) -> list[str]:
    """What a process prints that declares the point `here` and runs the code."""
    declared = "from core.faults import doing, fault_point, FaultInjected\nreach = fault_point('here')\n"
    done = subprocess.run(
        [sys.executable, "-c", declared + code],
        cwd=Path(__file__).resolve().parents[2],
        env=os.environ | {"FAULTS_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


RAISED = "try: reach(); print('no')\nexcept FaultInjected: print('raised')\n"
PASSED = "reach(); print('passed')\n"


def test_a_fault_point_obeys_once(tmp_path: Path) -> None:
    (tmp_path / "here").write_text("raise")
    assert at_a_fault_point(tmp_path, RAISED + PASSED) == ["raised", "passed"]


def test_a_fault_may_wait_for_one_that_is_at_something(tmp_path: Path) -> None:
    (tmp_path / "here@refunds").write_text("raise")
    code = PASSED + "doing.set('refunds')\n" + RAISED
    assert at_a_fault_point(tmp_path, code) == ["passed", "raised"]
