"""The breaker of a processor opens for all processes when its calls fail, lets one payment at a time try it again,
and never fails a payment itself."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from core.db import release_connection
from core.ids import random_text
from payments import health, routing
from payments.models import ProcessorHealth
from payments.routes import Facts
from payments.services import breaker
from processors.protocol import (
    ActionRequired,
    Approved,
    Capabilities,
    Declined,
    Failed,
    NotFound,
    NotSent,
    Outcome,
    Pending,
    Tombstoned,
    Unknown,
)
from tests.conftest import Books, point_django_at

FAILURE = Unknown("no answer in 30 s")
SUCCESS = Approved("auth_1", 100)
FACTS = Facts(livemode=False, merchant_id=1, amount_minor=5_000, currency="eur")


@pytest.fixture
def bank(books: Books) -> Iterator[str]:
    """A processor that nothing is known of yet."""
    yield f"bank_{random_text(8)}".lower()
    release_connection()


def row(bank: str) -> ProcessorHealth:
    return ProcessorHealth.objects.get(processor=bank)


def fail(bank: str, times: int = 1) -> None:
    for _ in range(times):
        breaker.note(bank, FAILURE)


def time_to_try(bank: str) -> None:
    """As when the wait is over."""
    ProcessorHealth.objects.filter(processor=bank).update(open_until=timezone.now() - timedelta(seconds=1))
    health._breakers.expire()
    health.breakers()


def opened(bank: str) -> None:
    fail(bank, breaker.MIN_FAILURES)
    assert row(bank).state == "open"


def in_another_thread(work: Callable[[], Any]) -> Any:
    def run() -> Any:
        try:
            return work()
        finally:
            release_connection()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()


def test_five_failures_in_a_row_open_it_for_everybody(bank: str, caplog: pytest.LogCaptureFixture) -> None:
    fail(bank, 4)
    assert breaker.allows(bank)
    assert not ProcessorHealth.objects.filter(processor=bank).exists()
    fail(bank)
    assert not breaker.allows(bank)
    assert not in_another_thread(lambda: breaker.allows(bank))
    kept = row(bank)
    assert (kept.state, kept.failures) == ("open", 1)
    assert kept.last_reason == "5 of 5 calls failed within 30 s, the last: no answer in 30 s"
    assert kept.open_until is not None
    assert 25 < (kept.open_until - timezone.now()).total_seconds() <= health.OPEN_SECONDS
    assert any(record.levelno == logging.ERROR and bank in record.message for record in caplog.records)


def test_failures_below_half_of_the_calls_do_not_open_it(bank: str) -> None:
    for _ in range(6):
        breaker.note(bank, SUCCESS)
    fail(bank, 5)
    assert breaker.allows(bank)
    fail(bank)
    assert not breaker.allows(bank)


@pytest.mark.parametrize(
    "outcome",
    [
        SUCCESS,
        Declined("generic_decline"),
        ActionRequired("auth_1", "https://bank.example/challenge"),
        Pending("auth_1", "being looked at"),
        Tombstoned(),
        NotFound(),
        Failed("re_1", "expired_or_canceled_card"),
        NotSent("You cannot use a token more than once.", "token_already_used"),
        NotSent("The processor refused this request.", "request_refused"),
        NotSent("The vault could not be reached.", "vault_unavailable"),
    ],
)
def test_an_answer_is_no_failure_and_neither_is_what_is_our_fault(
    bank: str, outcome: Outcome | NotFound
) -> None:
    for _ in range(20):
        breaker.note(bank, outcome)
    assert not ProcessorHealth.objects.filter(processor=bank).exists()


@pytest.mark.parametrize(
    "outcome",
    [FAILURE, *(NotSent("not done", code) for code in ("", "connection_failed", "processor_refused"))],
)
def test_a_call_that_came_to_nothing_for_technical_reasons_is_a_failure(bank: str, outcome: Outcome) -> None:
    for _ in range(5):
        breaker.note(bank, outcome)
    assert row(bank).state == "open"


def test_failures_are_forgotten_after_the_window() -> None:
    window = breaker.Window()
    for second in range(4):
        window.count(failed=True, now=second)
    assert window.count(failed=True, now=10) == (5, 5)
    assert window.count(failed=True, now=32.5) == (3, 3)
    assert window.count(failed=True, now=100) == (1, 1)


def test_exactly_one_of_many_threads_tries_it_again(bank: str) -> None:
    opened(bank)
    time_to_try(bank)
    everybody = threading.Barrier(8)

    def ask(_: int) -> bool:
        everybody.wait()
        allowed = breaker.allows(bank)
        release_connection()
        return allowed

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))
    assert answers.count(True) == 1
    assert row(bank).state == "half_open"


def test_a_successful_try_closes_it(bank: str) -> None:
    opened(bank)
    time_to_try(bank)
    assert breaker.allows(bank)
    assert not in_another_thread(lambda: breaker.allows(bank))
    breaker.note(bank, Declined("insufficient_funds"))
    kept = row(bank)
    assert (kept.state, kept.open_until, kept.failures) == ("closed", None, 0)
    assert in_another_thread(lambda: breaker.allows(bank))


def test_each_failed_try_doubles_the_wait_up_to_ten_minutes(bank: str) -> None:
    opened(bank)
    waits = []
    for _ in range(6):
        time_to_try(bank)
        assert breaker.allows(bank)
        fail(bank)
        kept = row(bank)
        assert kept.state == "open" and kept.open_until is not None
        waits.append(round((kept.open_until - kept.since).total_seconds()))
    assert waits == [60, 120, 240, 480, 600, 600]
    assert not breaker.allows(bank)


def test_a_failure_of_an_older_call_does_not_end_the_try(bank: str) -> None:
    opened(bank)
    time_to_try(bank)
    assert breaker.allows(bank)
    in_another_thread(lambda: fail(bank, 20))
    assert row(bank).state == "half_open"
    breaker.note(bank, SUCCESS)
    assert row(bank).state == "closed"


def test_a_success_of_an_older_call_does_not_close_it_early(bank: str) -> None:
    opened(bank)
    breaker.note(bank, SUCCESS)
    assert row(bank).state == "open"


def test_a_try_that_was_never_made_is_given_to_another(bank: str) -> None:
    opened(bank)
    time_to_try(bank)
    assert in_another_thread(lambda: breaker.allows(bank))
    assert not breaker.allows(bank)
    time_to_try(bank)
    assert breaker.allows(bank)


def test_failures_from_before_a_change_are_not_counted_after_it(bank: str) -> None:
    opened(bank)
    fail(bank, 4)
    assert breaker.close_breaker(bank, by="maria", reason="the bank called")
    fail(bank, 4)
    assert row(bank).state == "closed"
    fail(bank)
    assert row(bank).state == "open"


def test_a_person_closes_it_and_is_named(bank: str) -> None:
    opened(bank)
    assert breaker.close_breaker(bank, by="maria", reason="the bank called")
    assert breaker.allows(bank)
    assert row(bank).last_reason == "closed by maria: the bank called"
    assert not breaker.close_breaker(bank, by="maria", reason="again")


def test_nothing_is_written_while_all_is_well(books: Books, bank: str) -> None:
    with books.superuser() as raw:
        writes = (
            "SELECT n_tup_ins + n_tup_upd FROM pg_stat_user_tables WHERE relname = 'payments_processorhealth'"
        )

        def written() -> int:
            raw.execute("SELECT pg_stat_force_next_flush()")
            found = raw.execute(writes).fetchone()
            assert found is not None
            return int(found[0])

        before = written()
        for _ in range(500):
            breaker.note(bank, SUCCESS)
        assert written() == before


def test_inside_a_transaction_it_says_and_writes_nothing(bank: str) -> None:
    with transaction.atomic():
        fail(bank, 20)
    assert not ProcessorHealth.objects.filter(processor=bank).exists()
    fail(bank, 5)
    assert row(bank).state == "open"


def test_a_database_that_is_away_fails_no_payment(books: Books, bank: str) -> None:
    before: dict[str, Any] = dict(settings.DATABASES["default"])
    options = before["OPTIONS"] | {"pool": {"min_size": 0, "max_size": 2, "timeout": 0.2}}
    point_django_at(before | {"HOST": "127.0.0.1", "PORT": "1", "OPTIONS": options})
    try:
        health._breakers.expire()
        began = time.monotonic()
        fail(bank, 50)
        assert breaker.allows(bank)
        # It is asked once or twice, not by every payment.
        assert time.monotonic() - began < 5
    finally:
        point_django_at(before)
        breaker._resting_until = 0.0
        health._breakers.expire()
    assert breaker.allows(bank)
    fail(bank, 5)
    assert row(bank).state == "open"


@pytest.fixture
def two_banks(bank: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Both serve test mode, the first preferred."""
    banks = (bank, f"{bank}_too")
    monkeypatch.setattr(settings, "PROCESSORS", {name: {"adapter": "", "livemode": False} for name in banks})
    monkeypatch.setattr(routing, "processor", lambda name: SimpleNamespace(capabilities=Capabilities()))
    return banks


def test_payments_leave_a_broken_processor_alone(two_banks: tuple[str, str]) -> None:
    broken, sound = two_banks
    opened(broken)
    route = routing.route(FACTS, seed="pi_1")
    assert route.processors == (sound,)
    assert f"{broken} is left out: out of order: 5 of 5 calls failed" in route.reason


def test_one_payment_tries_it_again_while_the_others_go_elsewhere(two_banks: tuple[str, str]) -> None:
    broken, sound = two_banks
    opened(broken)
    time_to_try(broken)
    assert routing.route(FACTS, seed="pi_1").processors == (broken, sound)
    other = in_another_thread(lambda: routing.route(FACTS, seed="pi_2"))
    assert other.processors == (sound,)
    assert "being tried by another payment" in other.reason
    breaker.note(broken, SUCCESS)
    assert in_another_thread(lambda: routing.route(FACTS, seed="pi_3")).processors == (broken, sound)


def test_where_all_are_broken_the_first_is_tried_all_the_same(two_banks: tuple[str, str]) -> None:
    for each in two_banks:
        opened(each)
    route = routing.route(FACTS, seed="pi_1")
    assert route.processors == two_banks
    assert f"all are blocked, {two_banks[0]} is tried all the same" in route.reason


def test_the_only_processor_is_used_however_broken_it_is(
    two_banks: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    only, _ = two_banks
    monkeypatch.setattr(settings, "PROCESSORS", {only: settings.PROCESSORS[only]})
    opened(only)
    assert routing.route(FACTS, seed="pi_1").processors == (only,)
    time_to_try(only)
    for _ in range(3):
        assert in_another_thread(lambda: routing.route(FACTS, seed="pi_1").processors) == (only,)
    assert row(only).state == "half_open"


def test_a_route_inside_a_transaction_waits_for_nobody_and_takes_the_try_with_it(
    two_banks: tuple[str, str],
) -> None:
    broken, _ = two_banks
    opened(broken)
    time_to_try(broken)
    with transaction.atomic():
        assert routing.route(FACTS, seed="pi_1").processors[0] == broken
    assert row(broken).state == "half_open"


def test_the_database_refuses_a_breaker_that_never_ends(books: Books, bank: str) -> None:
    for values in ("'open', NULL, 1", "'half_open', now(), 0", "'closed', now(), 0", "'ajar', NULL, 0"):
        with books.superuser() as raw, pytest.raises(psycopg.errors.CheckViolation):
            raw.execute(
                "INSERT INTO payments_processorhealth (processor, state, open_until, failures)"
                f" VALUES (%s, {values})",
                [bank],
            )
