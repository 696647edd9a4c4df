"""What merchants do with cards in a history: small stories, each of which passes certain endpoints."""

from collections.abc import Callable
from typing import Any

from core.ids import random_text
from tests.chaos.cells import Cell
from tests.chaos.shopper import Shopper, Told

Story = Callable[[Shopper], None]
STORIES: dict[str, tuple[Story, frozenset[str]]] = {}
BLOCKED = "pm_card_chargeDeclinedFraudulent"
CARD = {"payment_method": "pm_card_visa", "return_url": "https://shop.example.com/paid"}


def story(*passes: str) -> Callable[[Story], Story]:
    """`passes`: endpoints, and points that the worker passes because of it."""

    def add(told: Story) -> Story:
        STORIES[told.__name__] = (told, frozenset(passes))
        return told

    return add


def amount(shopper: Shopper) -> int:
    return shopper.dice.randrange(1_000, 50_000)


def charge(shopper: Shopper, **more: Any) -> Told:
    asked = {"amount": amount(shopper), "currency": "usd", "source": "tok_visa"} | more
    return shopper.ask("/v1/charges", asked)


@story("charges")
def a_charge(shopper: Shopper) -> None:
    charge(shopper)


@story("charges", "sweep.after_claim")
def a_charge_that_nobody_comes_back_for(shopper: Shopper) -> None:
    asked = {"amount": amount(shopper), "currency": "usd", "source": "tok_visa"}
    shopper.ask("/v1/charges", asked, returns=False)


@story("charges")
def a_decline(shopper: Shopper) -> None:
    charge(shopper, source="tok_visa_chargeDeclined")


@story("charges", "block.before_commit", "block.after_commit")
def a_charge_that_is_blocked(shopper: Shopper) -> None:
    charge(shopper, source="tok_chargeDeclinedFraudulent")


@story("payment_intents", "block.before_commit", "block.after_commit")
def an_intent_that_is_blocked(shopper: Shopper) -> None:
    asked = {"amount": amount(shopper), "currency": "usd", "confirm": "true", **CARD}
    shopper.ask("/v1/payment_intents", asked | {"payment_method": BLOCKED})


@story("payment_intents", "payment_intents.id.confirm", "block.before_commit", "block.after_commit")
def an_intent_blocked_and_paid_by_another_card(shopper: Shopper) -> None:
    made = shopper.ask("/v1/payment_intents", {"amount": amount(shopper), "currency": "usd"})
    path = f"/v1/payment_intents/{made.body['id']}/confirm"
    shopper.ask(path, CARD | {"payment_method": BLOCKED})
    shopper.ask(path, CARD)


@story("charges", "charges.id")
def a_charge_with_words(shopper: Shopper) -> None:
    made = charge(shopper)
    if made.status == 200:
        shopper.ask(f"/v1/charges/{made.body['id']}", {"description": "Order 7", "metadata[a]": "b"})


@story("charges", "refunds", "refunds.id")
def a_charge_refunded_in_two_parts(shopper: Shopper) -> None:
    made = charge(shopper)
    if made.status != 200:
        return
    part = made.body["amount"] // 3
    first = shopper.ask("/v1/refunds", {"charge": made.body["id"], "amount": part})
    if first.status == 200:
        shopper.ask(f"/v1/refunds/{first.body['id']}", {"metadata[why]": "broken"})
    shopper.ask("/v1/refunds", {"charge": made.body["id"]})


@story("charges", "charges.id.capture")
def a_hold_captured_in_part(shopper: Shopper) -> None:
    made = charge(shopper, capture="false")
    if made.status == 200:
        path = f"/v1/charges/{made.body['id']}/capture"
        shopper.ask(path, {"amount": made.body["amount"] // 2})


@story("charges", "refunds")
def a_hold_released(shopper: Shopper) -> None:
    made = charge(shopper, capture="false")
    if made.status == 200:
        shopper.ask("/v1/refunds", {"charge": made.body["id"]})


@story("payment_intents")
def an_intent_paid_at_once(shopper: Shopper) -> None:
    asked = {"amount": amount(shopper), "currency": "usd", "confirm": "true", **CARD}
    shopper.ask("/v1/payment_intents", asked)


@story("payment_intents", "payment_intents.id", "payment_intents.id.confirm", "refunds")
def an_intent_step_by_step(shopper: Shopper) -> None:
    made = shopper.ask("/v1/payment_intents", {"amount": amount(shopper), "currency": "usd"})
    path = f"/v1/payment_intents/{made.body['id']}"
    shopper.ask(path, {"description": "Order 8"})
    paid = shopper.ask(f"{path}/confirm", CARD)
    if paid.status == 200:
        shopper.ask("/v1/refunds", {"payment_intent": made.body["id"], "amount": 500})


@story("payment_intents", "payment_intents.id.capture")
def an_intent_held_and_captured(shopper: Shopper) -> None:
    made = held(shopper)
    if made.status == 200:
        path = f"/v1/payment_intents/{made.body['id']}/capture"
        shopper.ask(path, {"amount_to_capture": made.body["amount"] // 2})


@story("payment_intents", "payment_intents.id.cancel")
def an_intent_held_and_canceled(shopper: Shopper) -> None:
    made = held(shopper)
    if made.status == 200:
        shopper.ask(f"/v1/payment_intents/{made.body['id']}/cancel", {})


@story("payment_intents", "payment_intents.id.cancel")
def an_intent_given_up(shopper: Shopper) -> None:
    made = shopper.ask("/v1/payment_intents", {"amount": amount(shopper), "currency": "usd"})
    path = f"/v1/payment_intents/{made.body['id']}/cancel"
    shopper.ask(path, {"cancellation_reason": "abandoned"})


@story("webhook_endpoints", "webhook_endpoints.id", "webhook_endpoints.id.roll_secret")
def an_endpoint(shopper: Shopper) -> None:
    asked = {"url": "http://127.0.0.1:9/", "enabled_events[]": "payout.paid"}
    made = shopper.ask("/v1/webhook_endpoints", asked)
    path = f"/v1/webhook_endpoints/{made.body['id']}"
    shopper.ask(path, {"description": "of the chaos"})
    shopper.ask(f"{path}/roll_secret", {"expires_in": "60"})


@story("radar.value_lists", "radar.value_lists.id", "radar.value_list_items")
def a_list_for_risk_rules(shopper: Shopper) -> None:
    asked = {"alias": f"l{random_text(16).lower()}", "name": "Of the chaos", "item_type": "email"}
    made = shopper.ask("/v1/radar/value_lists", asked)
    shopper.ask(f"/v1/radar/value_lists/{made.body['id']}", {"name": "Still of the chaos"})
    item = {"value_list": made.body["id"], "value": "jenny@example.com"}
    shopper.ask("/v1/radar/value_list_items", item)


def held(shopper: Shopper) -> Told:
    asked = {
        "amount": amount(shopper),
        "currency": "usd",
        "confirm": "true",
        "capture_method": "manual",
        **CARD,
    }
    return shopper.ask("/v1/payment_intents", asked)


def stories_past(cell: Cell) -> list[str]:
    """Those that lead to its point, where some do, at its endpoint; for a process that serves none, from anywhere."""
    past = [name for name, (_, passes) in STORIES.items() if {cell.at, cell.point} <= passes]
    past = past or [name for name, (_, passes) in STORIES.items() if {cell.at, cell.point} & passes]
    return past or ["a_charge", "an_intent_paid_at_once", "a_charge_refunded_in_two_parts"]
