"""An intent from its making to its end, by every way there is: each test reads like a statement."""

import json
from typing import Any

import pytest

from core.errors import InvalidRequest
from idempotency.keys import Answer
from merchants.auth import Caller
from payments.attempts import Actor
from payments.errors import OrderTaken, UnexpectedState
from payments.models import Charge, Operation, PaymentIntent, Refund, TimelineEntry
from payments.services.cancel import cancel_intent
from payments.services.capture import capture_intent
from payments.services.challenge import answer_challenge
from payments.services.charge import NewCharge, create_charge
from payments.services.confirm import Confirmation, confirm_intent, create_and_confirm
from payments.services.intents import NewIntent, create_intent, update_intent
from payments.services.learn import learn, learn_of_charge
from payments.services.refund import NewRefund, create_refund
from payments.services.resume import resume_operation
from processors.protocol import (
    ActionRequired,
    Approved,
    Declined,
    Failed,
    NotFound,
    NotSent,
    Unknown,
)
from tests.payments.balances import balances
from tests.support.scripted import ScriptedBank
from webhooks.models import Event

BEAT = Actor("beat")
CHALLENGE = ActionRequired("auth_challenged", "http://bank.test/challenge/1")


def shown(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.body)
    return found


def pay(caller: Caller, key: Any, name: str = "p", **asked: Any) -> dict[str, Any]:
    """100.00 USD by a Visa, confirmed with the intent's making."""
    wanted = NewIntent(10_000, "usd", source="pm_card_visa", **asked)
    return shown(create_and_confirm(caller=caller, asked=wanted, key=key(name)))


def events(caller: Caller, *, about: str = "") -> list[str]:
    own = Event.objects.filter(merchant_id=caller.merchant_id).order_by("pk")
    return [event.type for event in own if not about or event.object_id.startswith(about)]


def test_an_intent_is_made_equipped_confirmed_and_paid(caller: Caller, bank: ScriptedBank, key: Any) -> None:
    made = shown(create_intent(caller=caller, asked=NewIntent(10_000, "usd"), key=key("1")))
    assert (made["status"], made["latest_charge"], made["payment_method"]) == (
        "requires_payment_method",
        None,
        None,
    )
    assert made["client_secret"].startswith(made["id"] + "_secret_")
    changed = {"source": "pm_card_visa", "amount_minor": 12_000, "description": "Order 7"}
    equipped = shown(update_intent(caller=caller, intent=made["id"], changes=changed, key=key("2")))
    assert (equipped["status"], equipped["amount"]) == ("requires_confirmation", 12_000)
    paid = shown(confirm_intent(caller=caller, intent=made["id"], asked=Confirmation(), key=key("3")))
    assert (paid["status"], paid["amount_received"]) == ("succeeded", 12_000)
    assert paid["payment_method"] == equipped["payment_method"]
    assert balances(caller) == {"pending": 12_000 - 378}
    assert events(caller) == ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]


def test_a_declined_intent_is_paid_by_another_card(caller: Caller, bank: ScriptedBank, key: Any) -> None:
    bank.script += [Declined("insufficient_funds")]
    wanted = NewIntent(10_000, "usd", source="pm_card_visa")
    answer = create_and_confirm(caller=caller, asked=wanted, key=key("1"))
    error = shown(answer)["error"]
    assert (answer.status, error["code"], error["decline_code"]) == (
        402,
        "card_declined",
        "insufficient_funds",
    )
    intent = error["payment_intent"]
    assert intent["status"] == "requires_payment_method"
    assert intent["last_payment_error"]["decline_code"] == "insufficient_funds"
    assert balances(caller) == {}
    again = Confirmation(source="pm_card_mastercard")
    paid = shown(confirm_intent(caller=caller, intent=intent["id"], asked=again, key=key("2")))
    assert (paid["status"], paid["last_payment_error"]) == ("succeeded", None)
    assert Charge.objects.filter(payment_intent__public_id=intent["id"]).count() == 2
    assert balances(caller) == {"pending": 10_000 - 320}
    assert events(caller, about="pi_") == [
        "payment_intent.created",
        "payment_intent.payment_failed",
        "payment_intent.succeeded",
    ]


def test_what_is_held_is_captured_in_part_and_the_rest_is_free(
    caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    held = pay(caller, key, capture_method="manual")
    assert (held["status"], held["amount_capturable"], held["amount_received"]) == (
        "requires_capture",
        10_000,
        0,
    )
    assert balances(caller) == {}
    taken = shown(capture_intent(caller=caller, intent=held["id"], amount_minor=6_000, key=key("c")))
    assert (taken["status"], taken["amount_capturable"], taken["amount_received"]) == ("succeeded", 0, 6_000)
    assert balances(caller) == {"pending": 6_000 - 204}
    with pytest.raises(UnexpectedState) as raised:
        capture_intent(caller=caller, intent=held["id"], amount_minor=None, key=key("d"))
    assert raised.value.details["payment_intent"]["status"] == "succeeded"


def test_a_canceled_hold_is_voided_at_the_processor(caller: Caller, bank: ScriptedBank, key: Any) -> None:
    held = pay(caller, key, capture_method="manual")
    gone = shown(cancel_intent(caller=caller, intent=held["id"], reason="duplicate", key=key("x")))
    assert (gone["status"], gone["cancellation_reason"]) == ("canceled", "duplicate")
    charge = Charge.objects.get(public_id=held["latest_charge"])
    assert (charge.state, balances(caller)) == ("voided", {})
    assert Operation.objects.filter(charge=charge, kind="void", state="succeeded").count() == 1
    with pytest.raises(UnexpectedState):
        capture_intent(caller=caller, intent=held["id"], amount_minor=None, key=key("c"))
    assert events(caller)[-2:] == ["charge.refunded", "payment_intent.canceled"]


def test_a_refund_of_what_is_only_held_voids_it(caller: Caller, bank: ScriptedBank, key: Any) -> None:
    held = pay(caller, key, capture_method="manual")
    with pytest.raises(InvalidRequest) as raised:
        create_refund(caller=caller, asked=NewRefund(payment_intent=held["id"], amount_minor=1), key=key("r"))
    assert raised.value.param == "amount"
    back = shown(create_refund(caller=caller, asked=NewRefund(payment_intent=held["id"]), key=key("s")))
    assert (back["status"], back["amount"], back["balance_transaction"]) == ("succeeded", 10_000, None)
    assert PaymentIntent.objects.get(public_id=held["id"]).state == "canceled"
    assert balances(caller) == {}


@pytest.mark.parametrize("state", ["requires_payment_method", "requires_confirmation"])
def test_an_intent_without_an_attempt_is_canceled_at_once(
    caller: Caller, bank: ScriptedBank, key: Any, state: str
) -> None:
    source = "pm_card_visa" if state == "requires_confirmation" else ""
    made = shown(create_intent(caller=caller, asked=NewIntent(10_000, "usd", source=source), key=key("1")))
    assert made["status"] == state
    gone = shown(cancel_intent(caller=caller, intent=made["id"], reason="", key=key("2")))
    assert gone["status"] == "canceled"
    with pytest.raises(UnexpectedState):
        confirm_intent(caller=caller, intent=made["id"], asked=Confirmation("pm_card_visa"), key=key("3"))
    again = cancel_intent(caller=caller, intent=made["id"], reason="", key=key("2"))
    assert again.replayed


def test_while_the_outcome_is_unknown_nothing_else_starts(
    caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    bank.script += [Unknown("no answer")]
    doubt = pay(caller, key)
    assert doubt["status"] == "processing"
    with pytest.raises(UnexpectedState):
        confirm_intent(caller=caller, intent=doubt["id"], asked=Confirmation(), key=key("c"))
    with pytest.raises(UnexpectedState):
        cancel_intent(caller=caller, intent=doubt["id"], reason="", key=key("x"))
    with pytest.raises(UnexpectedState):
        update_intent(caller=caller, intent=doubt["id"], changes={"amount_minor": 1_000}, key=key("u"))
    assert "payment_intent.processing" in events(caller)
    resume_operation(Operation.objects.get(charge__public_id=doubt["latest_charge"]).public_id, BEAT)
    assert PaymentIntent.objects.get(public_id=doubt["id"]).state == "succeeded"
    assert balances(caller) == {"pending": 10_000 - 320}


def test_an_order_is_paid_once_under_any_key(caller: Caller, bank: ScriptedBank, key: Any) -> None:
    bank.script += [Unknown("no answer")]
    first = pay(caller, key, order_reference="7")
    for name in ("a", "b"):
        with pytest.raises(OrderTaken) as raised:
            pay(caller, key, name, order_reference="7")
        assert raised.value.details["payment_intent_id"] == first["id"]
    with pytest.raises(OrderTaken):
        asked = NewCharge(10_000, "usd", "tok_visa", order_reference="7")
        create_charge(caller=caller, asked=asked, key=key("c"))
    assert Charge.objects.filter(merchant_id=caller.merchant_id).count() == 1


def test_two_intents_of_an_order_may_wait_but_one_is_paid(
    caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    asked = NewIntent(10_000, "usd", source="pm_card_visa", order_reference="8")
    one = shown(create_intent(caller=caller, asked=asked, key=key("1")))
    two = shown(create_intent(caller=caller, asked=asked, key=key("2")))
    confirm_intent(caller=caller, intent=one["id"], asked=Confirmation(), key=key("3"))
    with pytest.raises(OrderTaken) as raised:
        confirm_intent(caller=caller, intent=two["id"], asked=Confirmation(), key=key("4"))
    assert raised.value.details["payment_intent_id"] == one["id"]


def test_a_declined_order_may_be_paid_again(caller: Caller, bank: ScriptedBank, key: Any) -> None:
    bank.script += [Declined("generic_decline")]
    assert "error" in pay(caller, key, order_reference="9")
    assert pay(caller, key, "again", order_reference="9")["status"] == "succeeded"


def test_a_challenge_that_is_passed_takes_the_money(caller: Caller, bank: ScriptedBank, key: Any) -> None:
    bank.script += [CHALLENGE]
    asked = pay(caller, key, return_url="https://shop.test/done")
    assert (asked["status"], balances(caller)) == ("requires_action", {})
    assert asked["next_action"]["redirect_to_url"] == {
        "return_url": "https://shop.test/done",
        "url": "http://bank.test/challenge/1",
    }
    intent = answer_challenge(asked["id"])
    assert intent is not None and intent.state == "succeeded"
    assert balances(caller) == {"pending": 10_000 - 320}
    assert answer_challenge(asked["id"]) == intent
    assert Operation.objects.filter(payment_intent=intent).count() == 2
    assert events(caller, about="pi_") == [
        "payment_intent.created",
        "payment_intent.requires_action",
        "payment_intent.succeeded",
    ]


def test_a_challenge_that_is_failed_leaves_the_intent_payable(
    caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    bank.script += [CHALLENGE, Declined("authentication_failed")]
    asked = pay(caller, key)
    intent = answer_challenge(asked["id"])
    assert intent is not None and intent.state == "requires_payment_method"
    charge = Charge.objects.get(public_id=asked["latest_charge"])
    assert (charge.state, charge.failure_code) == ("failed", "payment_intent_authentication_failure")
    assert balances(caller) == {}


def test_who_comes_back_without_an_answer_is_still_asked(
    caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    bank.script += [CHALLENGE, CHALLENGE]
    asked = pay(caller, key)
    intent = answer_challenge(asked["id"])
    assert intent is not None and intent.state == "requires_action"
    intent = answer_challenge(asked["id"])
    assert intent is not None and intent.state == "succeeded"


def test_a_challenge_is_learned_of_when_nobody_comes_back(
    caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    bank.script += [CHALLENGE]
    asked = pay(caller, key)
    charge = Charge.objects.get(public_id=asked["latest_charge"])
    bank.lookups += [CHALLENGE, Approved("auth_challenged", 10_000)]
    learn_of_charge(charge.pk, BEAT)
    assert Charge.objects.get(pk=charge.pk).state == "requires_action"
    learn_of_charge(charge.pk, BEAT)
    assert Charge.objects.get(pk=charge.pk).state == "captured"
    assert balances(caller) == {"pending": 10_000 - 320}


def test_a_challenged_intent_is_canceled_by_a_void(caller: Caller, bank: ScriptedBank, key: Any) -> None:
    bank.script += [CHALLENGE]
    asked = pay(caller, key)
    gone = shown(cancel_intent(caller=caller, intent=asked["id"], reason="abandoned", key=key("x")))
    assert gone["status"] == "canceled"
    assert Charge.objects.get(public_id=asked["latest_charge"]).state == "voided"
    intent = answer_challenge(asked["id"])
    assert intent is not None and intent.state == "canceled"


def test_a_void_that_comes_too_late_finds_the_money_taken(
    caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    bank.script += [CHALLENGE, Declined("not_allowed")]
    asked = pay(caller, key)
    bank.lookups += [Approved("auth_challenged", 10_000)]
    answer = cancel_intent(caller=caller, intent=asked["id"], reason="", key=key("x"))
    assert (answer.status, shown(answer)["error"]["code"]) == (400, "payment_intent_unexpected_state")
    assert PaymentIntent.objects.get(public_id=asked["id"]).state == "succeeded"
    assert balances(caller) == {"pending": 10_000 - 320}


def test_money_that_comes_after_a_failure_is_booked_and_given_back(
    caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    bank.script += [NotSent("no connection")]
    failed = pay(caller, key)["error"]["payment_intent"]
    paid = shown(
        confirm_intent(caller=caller, intent=failed["id"], asked=Confirmation("pm_card_visa"), key=key("2"))
    )
    first = Operation.objects.filter(payment_intent__public_id=failed["id"]).earliest("pk")
    for _ in range(2):
        bank.lookups += [Approved("auth_late", 10_000)]
        assert learn(first.public_id, BEAT)
    late = Charge.objects.get(late_of=first.charge_id)
    assert (late.state, late.captured_minor, late.fee_minor) == ("captured", 10_000, 0)
    assert balances(caller) == {"pending": 10_000 - 320}
    refund = Refund.objects.get(charge=late)
    resume_operation(refund.operations.get().public_id, BEAT)
    assert Refund.objects.get(pk=refund.pk).state == "succeeded"
    assert PaymentIntent.objects.get(public_id=failed["id"]).state == "succeeded"
    assert balances(caller) == {"pending": 10_000 - 320}
    told = TimelineEntry.objects.filter(charge=late).order_by("pk").values_list("kind", flat=True)
    assert list(told) == ["charge.late_success", "charge.captured", "refund.started", "refund.succeeded"]
    assert shown(create_intent(caller=caller, asked=NewIntent(500, "usd"), key=key("9")))["id"] != paid["id"]


def test_a_refund_that_comes_back_is_the_merchants_money_again(
    caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    paid = pay(caller, key)
    asked = NewRefund(payment_intent=paid["id"], amount_minor=4_000)
    back = shown(create_refund(caller=caller, asked=asked, key=key("r")))
    assert balances(caller) == {"pending": 10_000 - 320 - 4_000}
    operation = Operation.objects.get(refund__public_id=back["id"])
    for _ in range(2):
        bank.lookups += [Failed("ref_1", "expired_or_canceled_card")]
        learn(operation.public_id, BEAT)
    refund = Refund.objects.get(public_id=back["id"])
    assert (refund.state, refund.failure_reason) == ("failed", "expired_or_canceled_card")
    assert refund.failure_balance_transaction is not None
    assert balances(caller) == {"pending": 10_000 - 320}
    create_refund(caller=caller, asked=NewRefund(payment_intent=paid["id"]), key=key("s"))
    assert balances(caller) == {"pending": -320}


def test_a_lookup_that_does_not_tell_changes_nothing(caller: Caller, bank: ScriptedBank, key: Any) -> None:
    bank.script += [Declined("generic_decline")]
    failed = pay(caller, key)["error"]["payment_intent"]
    operation = Operation.objects.get(payment_intent__public_id=failed["id"])
    before = TimelineEntry.objects.filter(payment_intent=operation.payment_intent_id).count()
    for said in (NotFound(), Unknown("away"), Declined("generic_decline")):
        bank.lookups += [said]
        learn(operation.public_id, BEAT)
    assert TimelineEntry.objects.filter(payment_intent=operation.payment_intent_id).count() == before
