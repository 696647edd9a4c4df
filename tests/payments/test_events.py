"""What merchants are told: a payment's whole life through the API, and after each step the very events of that step,
whole. Together they are all that docs/api.md lists."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client as Http
from django.test import override_settings
from django.utils import timezone

from ledger.seals import seal_all
from merchants.auth import caller_of
from merchants.services import NewMerchant
from payments import routing
from payments.attempts import Actor
from payments.models import Charge, Operation
from payments.services.disputes import learn_disputes
from payments.services.learn import learn
from payments.services.look_after import look_after
from payments.services.resume import resume_operation
from processors.protocol import ActionRequired, Approved, Arrived, Declined, Failed, Unknown
from tests.conftest import Books
from tests.payments.test_available import days_pass
from tests.payments.test_payouts import bank_account
from tests.support.disputing import DisputingBank
from tests.support.rules import Written, enforce, write_rules
from tests.support.scripted import ScriptedVault
from webhooks import queries, serializers
from webhooks.event_types import EVENT_TYPES
from webhooks.models import Event, WebhookEndpoint
from webhooks.services.endpoints import create_endpoint
from webhooks.services.relay import relay
from webhooks.services.trial import send_test_event
from webhooks.services.watch import disable_failing_endpoints

FORM = "application/x-www-form-urlencoded"
BEAT = Actor("beat")
PAID = (
    "amount=10000&currency=usd&payment_method=pm_card_visa&confirm=true&allowed_payment_method_types[]=card"
)
NOBODY = {"id": None, "idempotency_key": None}
# Of these an update is told with how it was before.
WITH_PREVIOUS = re.compile(
    r"\.updated$|^charge\.refunded$|^(charge\.)?refund\.failed$|^webhook_endpoint\.disabled$"
)
# How it is asked for, of each object that has events.
PATHS = {
    "cs": "checkout/sessions",
    "ch": "charges",
    "pi": "payment_intents",
    "re": "refunds",
    "dp": "disputes",
    "prv": "reviews",
    "po": "payouts",
    "we": "webhook_endpoints",
}


@dataclass
class Life:
    """A merchant, their bank, and what they were told so far."""

    shop: NewMerchant
    bank: DisputingBank
    books: Books
    seen: set[str] = field(default_factory=set)
    snapshots: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    calls: int = 0
    # Who is to be named as the cause of a step's events.
    cause: dict[str, Any] = field(default_factory=lambda: NOBODY)

    def __post_init__(self) -> None:
        self.http = Http(headers={"Authorization": f"Bearer {self.shop.keys['sk_test']}"})
        self.caller = caller_of(f"Bearer {self.shop.keys['sk_test']}")
        self.own = queries.events(self.shop.merchant.pk, livemode=False).order_by("pk")
        self.last = 0

    def post(self, path: str, body: str = "") -> Any:
        self.calls += 1
        key = f"k{self.calls}"
        answer = self.http.post(f"/v1/{path}", body, content_type=FORM, headers={"Idempotency-Key": key})
        self.cause = {"id": answer["Request-Id"], "idempotency_key": key}
        return answer.json()

    def get(self, path: str) -> Any:
        return self.http.get(f"/v1/{path}").json()

    def tells(self, *expected: str, by: dict[str, Any] | None = None) -> None:
        """That the last step was told by these events, in this order, and by each of them wholly."""
        cause = self.cause if by is None else by
        events = list(self.own.filter(pk__gt=self.last))
        assert [event.type for event in events] == list(expected)
        relayed = [serializers.event(event, event.pending) for event in self._relayed(events)]
        for event, shown in zip(events, relayed, strict=True):
            assert (shown["object"], shown["livemode"]) == ("event", False)
            assert shown["request"] == cause, event.type
            assert shown["pending_webhooks"] == 1, event.type
            self._follows(event)
            self.seen.add(event.type)
        for object_id in {event.object_id for event in events}:
            self._is_as_shown(object_id)
        self.last, self.cause = max([event.pk for event in events], default=self.last), NOBODY

    def _relayed(self, events: list[Event]) -> list[Any]:
        assert all(one == 1 for one in queries.pending_webhooks(events)), "counted before the relay, too"
        relay()
        return list(self.own.filter(pk__in=[event.pk for event in events]))

    def _follows(self, event: Event) -> None:
        """The next number of its object; what it says of before is what its predecessor said."""
        number, before = self.snapshots.get(event.object_id, (0, {}))
        assert event.sequence == number + 1
        assert event.data["id" if event.object_id[:3] != "bal" else "object"] in (event.object_id, "balance")
        if WITH_PREVIOUS.search(event.type) and event.type != "charge.refund.updated":
            told = event.previous_attributes
            assert told, event.type
            assert all(event.data.get(name) != value for name, value in told.items())
            # A dispute is told by its own events, not by its charge's.
            names = (before.keys() | event.data.keys()) - {"disputed"}
            changed = {name: before.get(name) for name in names if before.get(name) != event.data.get(name)}
            assert not before or told == changed, event.type
        self.snapshots[event.object_id] = (event.sequence, event.data)

    def _is_as_shown(self, object_id: str) -> None:
        """The latest snapshot is the object as the API shows it."""
        kind = object_id.partition("_")[0]
        now = self.get(f"{PATHS[kind]}/{object_id}" if kind in PATHS else "balance")
        assert json.loads(json.dumps(self.snapshots[object_id][1])) == now

    def operation(self, **of: Any) -> Operation:
        return Operation.objects.filter(merchant_id=self.shop.merchant.pk, **of).latest("pk")

    def caused(self, operation: Operation) -> dict[str, Any]:
        return {"id": operation.request_id, "idempotency_key": operation.idempotency_key}


@pytest.fixture
def life(books: Books, shop: NewMerchant, monkeypatch: pytest.MonkeyPatch) -> Life:
    bank = DisputingBank()
    adapters: dict[str, Any] = {"sandbox": bank}
    monkeypatch.setattr(routing, "processor", adapters.__getitem__)
    monkeypatch.setattr(routing, "vault", ScriptedVault)
    bank_account(shop)
    create_endpoint(
        merchant_id=shop.merchant.pk,
        livemode=False,
        url="https://93.184.215.14/hooks",
        enabled_events=["*"],
        api_version=None,
        description=None,
        metadata=None,
    )
    return Life(shop, bank, books)


def an_intent_is_declined_challenged_and_canceled(life: Life) -> None:
    intent = life.post("payment_intents", "amount=10000&currency=usd&allowed_payment_method_types[]=card")
    life.tells("payment_intent.created")
    life.bank.script.append(Declined("insufficient_funds"))
    life.post(f"payment_intents/{intent['id']}/confirm", "payment_method=pm_card_visa")
    life.tells("charge.failed", "payment_intent.payment_failed")
    life.bank.script.append(ActionRequired("auth_1", "http://bank.test/challenge/1"))
    life.post(f"payment_intents/{intent['id']}/confirm", "payment_method=pm_card_visa")
    life.tells("payment_intent.requires_action")
    life.post(f"payment_intents/{intent['id']}/cancel")
    life.tells("payment_intent.canceled")


def a_hold_is_captured_and_another_expires(life: Life) -> None:
    held = life.post("payment_intents", f"{PAID}&capture_method=manual")
    life.tells("payment_intent.created", "charge.succeeded", "payment_intent.amount_capturable_updated")
    life.post(f"payment_intents/{held['id']}/capture", "amount_to_capture=6000")
    life.tells("charge.captured", "payment_intent.succeeded")
    with override_settings(AUTHORIZATION_DAYS=0):
        held = life.post("payment_intents", f"{PAID}&capture_method=manual")
    life.tells("payment_intent.created", "charge.succeeded", "payment_intent.amount_capturable_updated")
    charge = Charge.objects.get(public_id=held["latest_charge"])
    look_after(charge.pk)
    life.tells("charge.expired", "payment_intent.canceled", by=NOBODY)


def a_checkout_is_paid_and_another_ended(life: Life) -> None:
    item = "line_items[0][price_data][currency]=usd&line_items[0][price_data][unit_amount]=5000"
    body = f"mode=payment&{item}&line_items[0][price_data][product_data][name]=Tent&line_items[0][quantity]=1"
    session = life.post("checkout/sessions", body)["id"]
    life.tells("payment_intent.created")
    life.http.post(f"/checkout/{session}/pay", {"payment_method": "pm_card_visa"})
    by = life.caused(life.operation(kind="sale"))
    life.tells("charge.succeeded", "payment_intent.succeeded", "checkout.session.completed", by=by)
    session = life.post("checkout/sessions", body)["id"]
    life.tells("payment_intent.created")
    life.post(f"checkout/sessions/{session}/expire")
    life.tells("payment_intent.canceled", "checkout.session.expired")


def an_unknown_outcome_is_told_when_it_is_known(life: Life) -> None:
    life.bank.script.append(Unknown("timed out"))
    life.post("payment_intents", PAID)
    operation = life.operation(kind="sale")
    life.tells("payment_intent.created", "payment_intent.processing")
    life.bank.lookups.append(Approved("auth_2", 10_000))
    resume_operation(operation.public_id, BEAT)
    life.tells("charge.succeeded", "payment_intent.succeeded", by=life.caused(operation))


def a_risky_payment_is_held_for_a_person_and_approved(life: Life) -> None:
    enforce(life.shop.merchant.pk)
    with pytest.MonkeyPatch.context() as patch:
        write_rules(patch, Written("review", name="Look"))
        charge = life.post("charges", "amount=10000&currency=usd&source=tok_visa")
    life.tells("review.opened", "charge.succeeded")
    life.post(f"reviews/{charge['review']}/approve")
    life.tells("review.closed", "charge.captured")
    enforce(life.shop.merchant.pk, enforced=False)


def refunds_succeed_are_refused_and_come_back(life: Life) -> None:
    charge = life.post("charges", "amount=10000&currency=usd&source=tok_visa")["id"]
    life.tells("charge.succeeded")
    life.post(f"charges/{charge}", "description=Two+chairs&metadata[order]=7")
    life.tells("charge.updated")
    refund = life.post("refunds", f"charge={charge}&amount=4000")["id"]
    life.tells("refund.created", "refund.updated", "charge.refunded")
    life.post(f"refunds/{refund}", "metadata[why]=broken")
    life.tells("refund.updated")
    life.bank.script.append(Declined("charge_for_pending_refund_disputed"))
    life.post("refunds", f"charge={charge}&amount=1000")
    life.tells("refund.created", "refund.failed")
    life.bank.lookups.append(Failed("ref_1", "expired_or_canceled_card"))
    learn(life.operation(refund__public_id=refund).public_id, BEAT)
    life.tells("refund.failed", "charge.refund.updated", "charge.updated", by=NOBODY)
    life.post("refunds", f"charge={charge}")
    life.tells("refund.created", "refund.updated", "charge.refunded")
    hold = life.post("charges", "amount=5000&currency=usd&source=tok_visa&capture=false")["id"]
    life.tells("charge.succeeded")
    life.post("refunds", f"charge={hold}")
    life.tells("refund.created", "charge.refunded", "refund.updated")


def money_becomes_available_and_is_paid_out(life: Life) -> None:
    life.post("charges", "amount=90000&currency=usd&source=tok_visa")
    life.tells("charge.succeeded")
    seal_all()
    days_pass(life.books, life.caller, days=9)
    life.tells("balance.available", by=NOBODY)
    payout = life.post("payouts", "amount=1000&currency=usd")["id"]
    life.tells("payout.created")
    life.post(f"payouts/{payout}", "metadata[week]=48")
    life.tells("payout.updated")
    operation = life.operation(payout__public_id=payout)
    resume_operation(operation.public_id, BEAT)
    life.tells("payout.updated", by=life.caused(operation))
    life.bank.lookups.append(Arrived("po_1", 1_000))
    learn(operation.public_id, BEAT)
    life.tells("payout.paid", by=NOBODY)
    life.bank.lookups.append(Failed("po_1", "account_closed"))
    learn(operation.public_id, BEAT)
    life.tells("payout.failed", by=NOBODY)
    payout = life.post("payouts", "amount=1000&currency=usd")["id"]
    life.tells("payout.created")
    life.post(f"payouts/{payout}/cancel")
    life.tells("payout.canceled")


def a_dispute_is_answered_and_won(life: Life) -> None:
    charge = life.post("charges", "amount=10000&currency=usd&source=tok_visa")["id"]
    life.tells("charge.succeeded")
    row = Charge.objects.get(public_id=charge)
    report = life.bank.dispute(row.processor_id)
    learn_disputes(row, BEAT)
    life.tells("charge.dispute.created", "charge.dispute.funds_withdrawn", by=NOBODY)
    dispute = life.get(f"disputes?charge={charge}")["data"][0]["id"]
    life.post(f"disputes/{dispute}", "evidence[uncategorized_text]=signed+for")
    life.tells("charge.dispute.updated")
    life.bank.set(report.processor_id, "won")
    learn_disputes(row, BEAT)
    life.tells("charge.dispute.closed", "charge.dispute.funds_reinstated", by=NOBODY)


def an_endpoint_is_tried_and_disabled(life: Life) -> None:
    endpoint = WebhookEndpoint.objects.get(merchant=life.shop.merchant)
    other = life.post("webhook_endpoints", "url=https://93.184.215.14/b&enabled_events[]=*")["id"]
    send_test_event(WebhookEndpoint.objects.get(public_id=other).pk)
    life.tells("webhook_endpoint.test", by=NOBODY)
    long_ago = timezone.now() - timedelta(days=6)
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(failing_since=long_ago)
    assert disable_failing_endpoints() == 1
    life.tells("webhook_endpoint.disabled", by=NOBODY)


STEPS: list[Callable[[Life], None]] = [
    an_intent_is_declined_challenged_and_canceled,
    a_hold_is_captured_and_another_expires,
    a_checkout_is_paid_and_another_ended,
    an_unknown_outcome_is_told_when_it_is_known,
    a_risky_payment_is_held_for_a_person_and_approved,
    refunds_succeed_are_refused_and_come_back,
    money_becomes_available_and_is_paid_out,
    a_dispute_is_answered_and_won,
    an_endpoint_is_tried_and_disabled,
]


def documented() -> set[str]:
    page = (settings.BASE_DIR / "docs" / "api.md").read_text()
    table = page[page.index("These are sent:") : page.index("`payment_intent.` events are of")]
    return set(re.findall(r"^\| `([\w.]+)` \|", table, re.MULTILINE))


def test_every_event_of_a_payments_life_is_told_wholly(life: Life) -> None:
    for step in STEPS:
        step(life)
    assert life.seen == documented() == set(EVENT_TYPES)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM webhooks_event e WHERE e.merchant_id = %s AND NOT EXISTS "
            "(SELECT FROM webhooks_delivery d WHERE d.event_id = e.id)",
            [life.shop.merchant.pk],
        )
        assert cursor.fetchone() == (0,), "each of them is on its way"
