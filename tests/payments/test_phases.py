"""Between the two phases nothing is held: no transaction around any network call, no connection during one."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from core.db import run_statement
from core.redis_line import redis_line
from idempotency import cache
from idempotency.keys import Answer
from merchants.auth import Caller
from payments.services.charge import NewCharge, create_charge
from payments.services.refund import NewRefund, create_refund
from payments.services.resume import sweep_operations
from processors.protocol import Approved, Outcome, Unknown
from tests.support.scripted import ScriptedBank


@pytest.fixture
def sends(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """Every send of this process over a Python socket (Redis, HTTP): was a transaction open? PostgreSQL's own
    traffic is libpq's and does not pass here."""
    seen: list[bool] = []
    for name in ("send", "sendall"):
        original = getattr(socket.socket, name)

        def watched(self: Any, *args: Any, _original: Any = original) -> Any:
            seen.append(connection.in_atomic_block)
            return _original(self, *args)

        monkeypatch.setattr(socket.socket, name, watched)
    yield seen


def test_no_network_call_happens_inside_a_transaction(
    caller: Caller, bank: ScriptedBank, key: Any, sends: list[bool]
) -> None:
    open_at_call: list[bool] = []

    def watched() -> Outcome:
        open_at_call.append(connection.in_atomic_block)
        return Unknown("no answer")

    bank.script += [watched]
    create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa"), key=key("unknown"))
    answer = create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa"), key=key("yes"))
    cache.remember(key("yes"), answer)
    assert redis_line().ask(cache.question(key("yes"))) != [None]
    bank.script += [watched]
    create_refund(caller=caller, asked=NewRefund(charge=json.loads(answer.body)["id"]), key=key("r"))
    sweep_operations()
    assert open_at_call == [False, False]
    assert sends, "Redis was spoken to, so the watch is awake"
    assert not any(sends)


def test_the_pool_is_whole_while_a_processor_works(caller: Caller, bank: ScriptedBank, key: Any) -> None:
    held: list[int] = []

    def slow() -> Outcome:
        stats = connection.pool.get_stats()  # type: ignore[attr-defined]
        held.append(stats["pool_size"] - stats["pool_available"])
        return Approved("auth_1", 10_000)

    bank.script += [slow]
    connection.close()
    create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa"), key=key("k"))
    bank.script += [slow]
    charge = json.loads(
        create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa"), key=key("k")).body
    )
    create_refund(caller=caller, asked=NewRefund(charge=charge["id"], amount_minor=1), key=key("r"))
    assert held == [0, 0]


def test_a_phase_refuses_to_run_inside_another_transaction(caller: Caller) -> None:
    from django.db import transaction

    with transaction.atomic(), pytest.raises(RuntimeError):
        run_statement("SELECT 1", {})


def test_a_lying_redis_changes_no_answer(caller: Caller, bank: ScriptedBank, key: Any) -> None:
    """Redis may answer finished replays, and nothing else: the service never asks it."""
    cache.remember(key("k"), Answer(200, '{"id": "ch_forged"}'))
    answer = create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa"), key=key("k"))
    assert json.loads(answer.body)["id"] != "ch_forged"
