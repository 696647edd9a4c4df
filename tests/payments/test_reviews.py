"""What is held for review: opened with the authorization, decided once by a person or by its deadline, and nothing of
it is captured before."""

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import psycopg
import pytest
from django.db import connection
from django.db.models import Model
from django.utils import timezone
from psycopg.errors import CheckViolation, RestrictViolation

from core.errors import TollgateError
from core.faults import FaultInjected
from ledger.models import LedgerTransaction
from merchants.auth import Caller
from payments.attempts import Actor
from payments.errors import CaptureRefused, ReviewClosed, UnderReview
from payments.models import Charge, Operation, TimelineEntry
from payments.services import reviews
from payments.services.cancel import cancel_intent
from payments.services.capture import capture_charge
from payments.services.charge import NewCharge, create_charge
from payments.services.confirm import create_and_confirm
from payments.services.intents import NewIntent
from payments.services.refund import NewRefund, create_refund
from payments.services.resume import sweep_operations
from payments.services.reviews import approve_review, look_after_reviews, reject_review
from processors.protocol import ActionRequired, Approved, Declined
from risk.models import Review
from tests.conftest import Books
from tests.support.rules import Written, enforce, write_rules
from tests.support.scripted import ScriptedBank
from webhooks.models import Event

M = TypeVar("M", bound=Model)
ANNA = Actor("staff:anna")


@pytest.fixture(autouse=True)
def reviewed(caller: Caller, bank: ScriptedBank, monkeypatch: pytest.MonkeyPatch) -> None:
    enforce(caller.merchant_id)
    write_rules(monkeypatch, Written("review", name="Look"))


def held(caller: Caller, key: Any, name: str = "k", *, capture: bool = True) -> tuple[Charge, Review]:
    create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa", capture=capture), key=key(name))
    charge = Charge.objects.filter(merchant_id=caller.merchant_id).latest("pk")
    return charge, Review.objects.get(public_id=charge.review)


def again(row: M) -> M:
    """As it is now: a protected state can not be read anew."""
    return type(row)._base_manager.get(pk=row.pk)


def asked(bank: ScriptedBank) -> list[str]:
    return [what for what, _ in bank.asked]


def told(caller: Caller) -> list[str]:
    return list(
        Event.objects.filter(merchant_id=caller.merchant_id).order_by("pk").values_list("type", flat=True)
    )


def due(review: Review) -> None:
    Review.objects.filter(pk=review.pk).update(next_look_at=timezone.now() - timedelta(seconds=1))


def at_once(*asks: Callable[[], object]) -> list[str]:
    """What each came to: "done", or the error's class."""
    gate, came = threading.Barrier(len(asks)), []

    def run(ask: Callable[[], object]) -> None:
        gate.wait()
        try:
            ask()
            came.append("done")
        except TollgateError as error:
            came.append(type(error).__name__)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[ask]) for ask in asks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(came)


def test_a_sale_under_review_is_only_held(caller: Caller, bank: ScriptedBank, key: Any) -> None:
    charge, review = held(caller, key)
    assert (charge.state, asked(bank)) == ("authorized", ["authorize"])
    ((_, request),) = bank.asked
    assert request.capture is False  # type: ignore[union-attr]
    assert (review.state, review.captures, review.at_deadline) == ("open", True, "reject")
    assert charge.capture_before is not None and timezone.now() < review.due_at < charge.capture_before
    assert told(caller) == ["review.opened", "charge.succeeded"]
    shown = Event.objects.get(merchant_id=caller.merchant_id, type="charge.succeeded").data
    assert (shown["captured"], shown["review"]) == (False, review.public_id)
    assert (shown["outcome"]["type"], shown["outcome"]["rule"]) == ("manual_review", "rr_1")
    opened = Event.objects.get(merchant_id=caller.merchant_id, type="review.opened").data
    assert (opened["charge"], opened["open"], opened["reason"]) == (charge.public_id, True, "rule")


def test_approval_captures_where_the_merchant_asked_for_the_money(
    caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    charge, review = held(caller, key)
    answer = approve_review(review, actor=ANNA, key=key("a"), note="Known customer")
    shown = json.loads(answer.body)
    assert (shown["open"], shown["closed_reason"]) == (False, "approved")
    charge = again(charge)
    assert (charge.state, charge.captured_minor) == ("captured", 10_000)
    assert told(caller)[2:] == ["review.closed", "charge.captured"]
    (entry,) = TimelineEntry.objects.filter(charge=charge, kind="review.approved")
    assert (entry.actor, entry.reason) == ("staff:anna", "Known customer")
    assert approve_review(review, actor=ANNA, key=key("a")).body == answer.body
    with pytest.raises(ReviewClosed):
        reject_review(review, actor=ANNA, key=key("b"))
    assert asked(bank) == ["authorize", "capture"]


def test_approval_leaves_the_capture_to_a_merchant_who_wanted_to_hold(
    caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    charge, review = held(caller, key, capture=False)
    with pytest.raises(UnderReview):
        capture_charge(caller=caller, charge=charge.public_id, amount_minor=None, key=key("c"))
    approve_review(review, actor=ANNA)
    assert asked(bank) == ["authorize"]
    capture_charge(caller=caller, charge=charge.public_id, amount_minor=None, key=key("c"))
    charge = again(charge)
    assert charge.state == "captured"


def test_rejection_sets_the_money_free(caller: Caller, bank: ScriptedBank, key: Any) -> None:
    create_and_confirm(caller=caller, asked=NewIntent(10_000, "usd", source="pm_card_visa"), key=key("k"))
    charge = Charge.objects.get(merchant_id=caller.merchant_id)
    reject_review(Review.objects.get(public_id=charge.review), actor=ANNA, note="Stolen")
    charge = again(charge)
    intent = charge.payment_intent
    assert (charge.state, intent.state, intent.cancellation_reason) == ("voided", "canceled", "fraudulent")
    assert asked(bank) == ["authorize", "void"]
    closed = Event.objects.get(merchant_id=caller.merchant_id, type="review.closed").data
    assert (closed["closed_reason"], closed["reason"]) == ("refunded_as_fraud", "refunded_as_fraud")
    net = LedgerTransaction.objects.filter(merchant_id=caller.merchant_id).values_list("kind", flat=True)
    assert sorted(net) == ["sale_reversed", "sale_started"]


@pytest.mark.parametrize(
    ("end", "state", "last"), [("reject", "voided", "void"), ("approve", "captured", "capture")]
)
def test_the_deadline_does_what_the_merchant_declared(
    caller: Caller, bank: ScriptedBank, key: Any, end: str, state: str, last: str
) -> None:
    enforce(caller.merchant_id, review_end=end, review_hours=1)
    charge, review = held(caller, key)
    assert look_after_reviews() == 0
    due(review)
    look_after_reviews()
    charge = again(charge)
    review = again(review)
    assert (charge.state, asked(bank)[-1]) == (state, last)
    assert (review.state, review.closed_by) == ("expired", "beat")
    look_after_reviews()
    assert len(asked(bank)) == 2


def test_a_review_ends_before_its_authorization_does(
    caller: Caller, bank: ScriptedBank, key: Any, settings: Any
) -> None:
    settings.AUTHORIZATION_DAYS = 0.5
    charge, review = held(caller, key)
    assert charge.capture_before is not None and review.due_at < charge.capture_before


@pytest.mark.parametrize(
    ("how", "reason"), [("cancel", "canceled"), ("refund", "refunded")], ids=["cancel", "refund"]
)
def test_a_merchant_who_gives_up_closes_it(
    caller: Caller, bank: ScriptedBank, key: Any, how: str, reason: str
) -> None:
    charge, review = held(caller, key)
    if how == "cancel":
        intent = charge.payment_intent.public_id
        cancel_intent(caller=caller, intent=intent, reason="duplicate", key=key("x"))
    else:
        create_refund(caller=caller, asked=NewRefund(charge=charge.public_id), key=key("x"))
    review = again(review)
    charge = again(charge)
    assert (review.state, review.closed_reason, charge.state) == ("closed", reason, "voided")
    with pytest.raises(ReviewClosed):
        approve_review(review, actor=ANNA)
    assert "capture" not in asked(bank)


def test_one_that_is_declined_needs_nobody(caller: Caller, bank: ScriptedBank, key: Any) -> None:
    bank.script.append(Declined("insufficient_funds"))
    create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa"), key=key("k"))
    assert not Review.objects.filter(merchant_id=caller.merchant_id).exists()


def test_one_that_was_challenged_is_held_and_reviewed_afterwards(
    caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    from payments.services.challenge import answer_challenge

    bank.script += [ActionRequired("auth_1", "https://bank.example/1"), Approved("auth_1", 10_000)]
    create_and_confirm(caller=caller, asked=NewIntent(10_000, "usd", source="pm_card_visa"), key=key("k"))
    charge = Charge.objects.get(merchant_id=caller.merchant_id)
    assert (charge.state, charge.review) == ("requires_action", "")
    answer_challenge(charge.payment_intent.public_id)
    charge = again(charge)
    assert (charge.state, Review.objects.get(public_id=charge.review).state) == ("authorized", "open")


def test_a_crash_after_the_decision_is_made_up_for(
    caller: Caller, bank: ScriptedBank, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    charge, review = held(caller, key)

    def crash() -> None:
        raise FaultInjected

    for point, state in (("before_commit", "open"), ("after_commit", "approved")):
        with monkeypatch.context() as patch:
            patch.setattr(reviews, point, crash)
            with pytest.raises(FaultInjected):
                approve_review(review, actor=ANNA, key=key("a"))
        review = again(review)
        assert review.state == state
    assert json.loads(approve_review(review, actor=ANNA, key=key("a")).body)["closed_reason"] == "approved"
    Operation.objects.filter(charge=charge, kind="capture").update(next_attempt_at=timezone.now())
    sweep_operations()
    charge = again(charge)
    assert (charge.state, asked(bank).count("capture")) == ("captured", 1)


def test_only_one_of_those_who_decide_at_once_does(caller: Caller, bank: ScriptedBank, key: Any) -> None:
    for number in range(4):
        charge, review = held(caller, key, f"k{number}")
        due(review)

        def capture(charge: Charge = charge, number: int = number) -> object:
            return capture_charge(
                caller=caller, charge=charge.public_id, amount_minor=None, key=key(f"c{number}")
            )

        came = at_once(
            lambda review=review: approve_review(review, actor=ANNA),  # type: ignore[misc]
            lambda review=review: reject_review(review, actor=ANNA),  # type: ignore[misc]
            lambda: look_after_reviews(),
            capture,
        )
        review = again(review)
        charge = again(charge)
        assert came.count("done") <= 3, came
        ends = {"approved": "captured", "rejected": "voided", "expired": "voided"}
        assert charge.state == ends[review.state], (came, review.state)
        operations = charge.operations.exclude(kind="authorize").filter(state="succeeded")
        assert operations.count() == 1
        closed = Event.objects.filter(type="review.closed", object_id=review.public_id)
        assert closed.count() == 1


def test_postgresql_lets_nothing_be_captured_before_approval(
    books: Books, caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    charge, review = held(caller, key)
    with books.superuser() as raw:
        for state in (None, "rejected", "closed"):
            if state:
                raw.execute(
                    """UPDATE risk_review SET state = %s, next_look_at = NULL, closed_at = now(),
                    closed_reason = 'canceled' WHERE id = %s""",
                    [state, review.pk],
                )
            with pytest.raises(CheckViolation, match="awaits its review"):
                _forge_capture(raw, charge)
            with pytest.raises(CheckViolation, match="before anybody has approved"), raw.transaction():
                raw.execute(
                    """UPDATE payments_charge SET state = 'captured', captured_minor = amount_minor, fee_minor = 0,
                    next_look_at = NULL WHERE id = %s""",
                    [charge.pk],
                )
                raw.execute(
                    """INSERT INTO payments_timelineentry
                        (merchant_id, livemode, payment_intent_id, charge_id, kind, charge_state)
                    VALUES (%s, false, %s, %s, 'forged', 'captured')""",
                    [charge.merchant_id, charge.payment_intent_id, charge.pk],
                )
            if state:
                break
        with pytest.raises(RestrictViolation):
            raw.execute("UPDATE payments_charge SET review = '' WHERE id = %s", [charge.pk])
        with pytest.raises(RestrictViolation):
            raw.execute("UPDATE payments_charge SET decision_id = NULL WHERE id = %s", [charge.pk])
    with pytest.raises(CaptureRefused, match="was not approved"):
        capture_charge(caller=caller, charge=charge.public_id, amount_minor=None, key=key("c"))


def _forge_capture(raw: psycopg.Connection, charge: Charge) -> None:
    raw.execute(
        """INSERT INTO payments_operation
            (public_id, merchant_id, livemode, kind, charge_id, payment_intent_id, state, amount_minor, currency,
            processor, deadline_at, next_attempt_at)
        SELECT 'op_forged', merchant_id, livemode, 'capture', id, payment_intent_id, 'processing', amount_minor,
            currency, processor, now(), now() FROM payments_charge WHERE id = %s""",
        [charge.pk],
    )
