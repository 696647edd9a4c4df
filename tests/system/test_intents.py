"""Payment intents through the official SDK: both banks, the vault, notifications and all workers are real."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import stripe
from stripe import StripeClient

from merchants.services import NewMerchant
from payments.models import Charge, Operation, PaymentIntent, TimelineEntry
from tests.support.bank import Bank
from tests.support.eventually import eventually
from tests.support.processes import System, http
from webhooks.models import Event, Notification

NEEDS_CHALLENGE = "4000002500003155"
REFUND_FAILS = "4000000000005126"


@pytest.fixture
def client(system: System, shop: NewMerchant) -> StripeClient:
    return StripeClient(shop.keys["sk_test"], base_addresses={"api": system.web.url}, max_network_retries=0)


@pytest.fixture
def browser(system: System, shop: NewMerchant) -> StripeClient:
    """What a page's script may do: a publishable key."""
    return StripeClient(shop.keys["pk_test"], base_addresses={"api": system.web.url}, max_network_retries=0)


def method(client: StripeClient, number: str = "4242424242424242") -> str:
    card: Any = {"number": number, "exp_month": 12, "exp_year": 2034, "cvc": "123"}
    made = client.v1.payment_methods.create({"type": "card", "card": card})
    return made.id


def pay(client: StripeClient, number: str = "4242424242424242", **more: Any) -> stripe.PaymentIntent:
    asked: Any = {
        "amount": 10_000,
        "currency": "usd",
        "payment_method": method(client, number),
        "confirm": True,
        "return_url": "https://shop.test/done",
        **more,
    }
    return client.v1.payment_intents.create(asked)


def state_of(intent: stripe.PaymentIntent) -> str:
    return str(PaymentIntent.objects.get(public_id=intent.id).state)


def test_an_intent_is_made_on_the_server_and_confirmed_in_the_browser(
    client: StripeClient, browser: StripeClient
) -> None:
    made = client.v1.payment_intents.create(
        {"amount": 10_000, "currency": "usd", "metadata": {"order": "7"}, "description": "An order"}
    )
    assert (made.status, made.capture_method) == ("requires_payment_method", "automatic_async")
    assert made.client_secret is not None
    asked: Any = {
        "payment_method": "pm_card_visa",
        "return_url": "https://shop.test/done",
        "client_secret": made.client_secret,
    }
    paid = browser.v1.payment_intents.confirm(made.id, asked)
    assert (paid.status, paid.amount) == ("succeeded", 10_000)
    seen = browser.v1.payment_intents.retrieve(made.id, {"client_secret": made.client_secret})
    assert seen.status == "succeeded"
    for wrong in ({}, {"client_secret": made.client_secret + "x"}):
        with pytest.raises(stripe.InvalidRequestError) as raised:
            browser.v1.payment_intents.retrieve(made.id, wrong)  # type: ignore[arg-type]
        assert raised.value.code == "resource_missing"
    with pytest.raises(stripe.AuthenticationError):
        browser.v1.payment_intents.update(made.id, {"description": "mine"})
    shown = client.v1.payment_intents.retrieve(made.id, {"expand": ["latest_charge.balance_transaction"]})
    charge: Any = shown.latest_charge
    assert (charge.balance_transaction.net, charge.payment_intent) == (10_000 - 320, made.id)


def test_hold_capture_and_cancel(client: StripeClient, bank: Bank) -> None:
    held = pay(client, capture_method="manual")
    assert (held.status, held.amount_capturable) == ("requires_capture", 10_000)
    taken = client.v1.payment_intents.capture(held.id, {"amount_to_capture": 4_000})
    assert (taken.status, taken.amount_received, taken.amount_capturable) == ("succeeded", 4_000, 0)
    other = pay(client, capture_method="manual")
    gone = client.v1.payment_intents.cancel(other.id, {"cancellation_reason": "requested_by_customer"})
    assert (gone.status, gone.cancellation_reason) == ("canceled", "requested_by_customer")
    with pytest.raises(stripe.InvalidRequestError) as raised:
        client.v1.payment_intents.capture(other.id)
    assert raised.value.code == "payment_intent_unexpected_state"
    assert raised.value.error is not None and raised.value.error.payment_intent is not None
    void = Operation.objects.get(payment_intent__public_id=other.id, kind="void")
    assert bank.counts(void.public_id)["void"] == 1


def test_a_decline_says_everything_and_another_card_pays(client: StripeClient) -> None:
    with pytest.raises(stripe.CardError) as raised:
        pay(client, "4000000000009995")
    error = raised.value.error
    assert error is not None and error.payment_intent is not None and error.payment_method is not None
    assert (raised.value.code, error.decline_code) == ("card_declined", "insufficient_funds")
    intent = error.payment_intent
    assert intent.status == "requires_payment_method"
    paid = client.v1.payment_intents.confirm(
        intent.id, {"payment_method": method(client), "return_url": "https://shop.test/done"}
    )
    assert paid.status == "succeeded"
    charges = client.v1.charges.list({"payment_intent": intent.id}).data
    assert [charge.status for charge in charges] == ["succeeded", "failed"]


def test_intents_are_listed_updated_and_searched(client: StripeClient) -> None:
    made = [
        client.v1.payment_intents.create({"amount": 1_000 + n, "currency": "eur", "metadata": {"n": str(n)}})
        for n in range(3)
    ]
    assert [row.id for row in client.v1.payment_intents.list().data] == [row.id for row in reversed(made)]
    changed = client.v1.payment_intents.update(
        made[0].id, {"amount": 2_000, "metadata": {"n": "", "more": "x"}, "payment_method": "pm_card_visa"}
    )
    assert (changed.amount, changed.metadata.to_dict(), changed.status) == (
        2_000,
        {"more": "x"},
        "requires_confirmation",
    )
    found = client.v1.payment_intents.search({"query": "metadata['n']:'1' AND currency:'eur'"})
    assert [row.id for row in found.data] == [made[1].id]
    every = client.v1.payment_intents.search({"query": "amount>=1001", "limit": 1})
    assert [row.id for row in every.auto_paging_iter()] == [made[2].id, made[1].id, made[0].id]
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.search({"query": "colour:'red'"})


@pytest.mark.parametrize(("outcome", "end"), [("succeed", "succeeded"), ("fail", "requires_payment_method")])
def test_a_cardholder_is_challenged_and_comes_back(
    client: StripeClient, bank: Bank, outcome: Any, end: str
) -> None:
    asked = pay(client, NEEDS_CHALLENGE)
    assert asked.status == "requires_action"
    action: Any = asked.next_action
    status, back = bank.answer_challenge(action.redirect_to_url.url, outcome)
    assert (status, "/pay/return/" in back) == (303, True)
    answer = http.request("GET", back, redirect=False)
    assert answer.status == 302
    told = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert told["payment_intent"] == [asked.id]
    assert told["redirect_status"] == ["succeeded" if outcome == "succeed" else "failed"]
    assert client.v1.payment_intents.retrieve(asked.id).status == end


def test_a_passed_challenge_is_learned_of_without_the_browser(client: StripeClient, bank: Bank) -> None:
    asked = pay(client, NEEDS_CHALLENGE)
    action: Any = asked.next_action
    bank.answer_challenge(action.redirect_to_url.url, "succeed")
    eventually(lambda: state_of(asked) == "succeeded")
    assert Charge.objects.get(payment_intent__public_id=asked.id).state == "captured"


def test_error_on_requires_action_declines_instead(client: StripeClient) -> None:
    with pytest.raises(stripe.CardError) as raised:
        pay(client, NEEDS_CHALLENGE, error_on_requires_action=True)
    assert raised.value.code == "authentication_required"


def test_a_refund_that_comes_back_is_told_by_the_bank(client: StripeClient, bank: Bank) -> None:
    bank.refunds_fail_after(0.2)
    paid = pay(client, REFUND_FAILS)
    refund = client.v1.refunds.create({"payment_intent": paid.id})
    assert refund.status == "succeeded"
    eventually(lambda: client.v1.refunds.retrieve(refund.id).status == "failed")
    back = client.v1.refunds.retrieve(refund.id)
    assert back.failure_reason == "expired_or_canceled_card"
    types = Event.objects.filter(object_id=refund.id).order_by("pk").values_list("type", flat=True)
    assert list(types)[-2:] == ["refund.failed", "charge.refund.updated"]
    assert client.v1.charges.retrieve(str(paid.latest_charge)).amount_refunded == 0


@pytest.mark.parametrize("mode", ["duplicated", "late", "out_of_order", "lost", "before_answer"])
def test_notifications_may_come_in_any_way(client: StripeClient, bank: Bank, mode: Any) -> None:
    bank.notify(mode, **({"seconds": 0.5} if mode == "late" else {}))
    paid = pay(client)
    refund = client.v1.refunds.create({"payment_intent": paid.id, "amount": 1_000})
    assert (paid.status, refund.status) == ("succeeded", "succeeded")
    bank.notify("normal")
    told = pay(client)
    sale = Operation.objects.get(payment_intent__public_id=told.id)
    eventually(
        lambda: Notification.objects.filter(reference=sale.public_id, applied_at__isnull=False).exists()
    )
    sale = Operation.objects.get(payment_intent__public_id=paid.id, kind="sale")
    assert bank.counts(sale.public_id)["authorize"] == 1
    assert TimelineEntry.objects.filter(payment_intent__public_id=paid.id).count() == 4


def test_another_processor_is_asked_only_where_the_first_did_nothing(
    client: StripeClient, bank: Bank, bank_two: Bank
) -> None:
    bank.fault("refused", match={"kind": "authorize"}, times=1)
    paid = pay(client)
    assert paid.status == "succeeded"
    charges = Charge.objects.filter(payment_intent__public_id=paid.id).order_by("pk")
    assert [(charge.processor, charge.state) for charge in charges] == [
        ("sandbox", "failed"),
        ("sandbox_two", "captured"),
    ]
    first, second = Operation.objects.filter(payment_intent__public_id=paid.id).order_by("pk")
    assert bank.counts(first.public_id)["authorize"] == 0
    assert bank_two.counts(second.public_id)["authorize"] == 1


def test_an_unknown_outcome_goes_to_no_other_processor(
    client: StripeClient, bank: Bank, bank_two: Bank
) -> None:
    before = bank_two.counts()["authorize"]
    bank.fault("drop_after", match={"kind": "authorize"}, times=1)
    doubt = pay(client)
    assert doubt.status == "processing"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.cancel(doubt.id)
    eventually(lambda: state_of(doubt) == "succeeded", seconds=30)
    assert bank_two.counts()["authorize"] == before


def test_an_order_is_paid_once_by_twenty_at_once(client: StripeClient, shop: NewMerchant) -> None:
    gate = threading.Barrier(20)

    def ask(number: int) -> str:
        gate.wait()
        try:
            made = client.v1.payment_intents.create(
                {
                    "amount": 10_000,
                    "currency": "usd",
                    "payment_method": "pm_card_visa",
                    "confirm": True,
                    "allowed_payment_method_types": ["card"],
                    "order_reference": "order-1",  # type: ignore[typeddict-unknown-key]
                }
            )
            return made.status
        except stripe.InvalidRequestError as error:
            return str(error.code)

    with ThreadPoolExecutor(20) as pool:
        answers = sorted(pool.map(ask, range(20)))
    assert answers == ["order_already_paid"] * 19 + ["succeeded"]
    assert Charge.objects.filter(merchant_id=shop.merchant.pk).count() == 1


@pytest.mark.parametrize("processor", ["sandbox", "nobody"])
def test_forged_notifications_are_refused(system: System, processor: str) -> None:
    before = Notification.objects.count()
    answer = http.request(
        "POST",
        f"{system.web.url}/notifications/{processor}",
        json={"id": "ntf_1", "type": "refund.failed", "reference": "op_1", "created": 1},
        headers={"Sandbox-Signature": "t=1,v1=00"},
    )
    assert answer.status == (400 if processor == "sandbox" else 404)
    assert Notification.objects.count() == before


def test_a_cardholder_with_a_made_up_address_sees_a_page(system: System) -> None:
    answer = http.request("GET", f"{system.web.url}/pay/return/pi_1:forged", redirect=False)
    assert (answer.status, b"leads nowhere" in answer.data) == (404, True)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    stripe.enable_telemetry = False
    yield
