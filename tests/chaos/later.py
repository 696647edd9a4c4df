"""Stories that go on after their answers: challenges, disputes, payouts. What became of them is read in the end."""

import time
from contextlib import suppress
from typing import Any, Literal

import urllib3

from tests.chaos.scripts import CARD, STORIES, amount, charge, stories_past, story
from tests.chaos.shopper import PATIENCE_SECONDS, Shopper, Told, http
from tests.support.bank import Bank

__all__ = ["STORIES", "stories_past"]
CHALLENGED = {**CARD, "payment_method": "pm_card_authenticationRequired"}
REVIEWED = {**CARD, "payment_method": "pm_card_riskLevelElevated"}
SCHEDULE_SECONDS = 20.0
# A page that does not come is reloaded so often.
RELOADS = 3
# What a checkout page sends, and how often somebody clicks who is told nothing.
CLICK = {"payment_method": "pm_card_visa"}
CLICKS = 20


@story("payment_intents", "pay.return")
def a_challenge_passed(shopper: Shopper) -> None:
    _go_back(shopper, _challenged(shopper, "succeed"))


@story("payment_intents", "pay.return")
def a_challenge_failed(shopper: Shopper) -> None:
    _go_back(shopper, _challenged(shopper, "fail"))


@story("payment_intents", "learn.after_lookup", "learn.before_commit", "learn.after_commit")
def a_challenge_passed_by_one_who_never_comes_back(shopper: Shopper) -> None:
    _challenged(shopper, "succeed")


@story("payment_intents", "look_after_charges.after_claim")
def a_challenge_that_nobody_answers(shopper: Shopper) -> None:
    asked = {"amount": amount(shopper), "currency": "usd", "confirm": "true", **CHALLENGED}
    shopper.followed.append(shopper.ask("/v1/payment_intents", asked))


def _challenged(shopper: Shopper, outcome: Literal["succeed", "fail"]) -> str:
    """The cardholder answers their bank; where it sends them then."""
    made = shopper.ask("/v1/payment_intents", {"amount": amount(shopper), "currency": "usd"})
    told = shopper.ask(f"/v1/payment_intents/{made.body['id']}/confirm", CHALLENGED)
    shopper.followed.append(told)
    if told.status != 200 or told.body["status"] != "requires_action":
        return ""
    page = told.body["next_action"]["redirect_to_url"]["url"]
    for _ in range(RELOADS):
        with suppress(urllib3.exceptions.HTTPError):
            return Bank("").answer_challenge(page, outcome)[1]
        time.sleep(1)
    return ""


def _go_back(shopper: Shopper, address: str) -> None:
    for _ in range(RELOADS if address else 0):
        with suppress(urllib3.exceptions.HTTPError):
            if http.request("GET", address, redirect=False, timeout=4).status < 500:
                return
        time.sleep(1)


@story("payment_intents", "reviews.id.approve")
def a_payment_approved_by_its_review(shopper: Shopper) -> None:
    asked = {"amount": amount(shopper), "currency": "usd", "confirm": "true", **REVIEWED}
    made = shopper.ask("/v1/payment_intents", asked)
    shopper.followed.append(made)
    if made.status == 200 and made.body["review"]:
        shopper.ask(f"/v1/reviews/{made.body['review']}/approve", {})


@story("checkout.sessions", "checkout.id.pay")
def a_checkout_paid(shopper: Shopper) -> None:
    if session := _session(shopper):
        _pay_at_page(shopper, session)


@story("checkout.sessions", "checkout.sessions.id.expire")
def a_checkout_ended(shopper: Shopper) -> None:
    if session := _session(shopper):
        shopper.ask(f"/v1/checkout/sessions/{session['id']}/expire", {})


def _session(shopper: Shopper) -> dict[str, Any]:
    item = "line_items[0][price_data]"
    asked = {
        "mode": "payment",
        f"{item}[currency]": "usd",
        f"{item}[unit_amount]": amount(shopper),
        f"{item}[product_data][name]": "Tent",
        "line_items[0][quantity]": 1,
    }
    made = shopper.ask("/v1/checkout/sessions", asked)
    return made.body if made.status == 200 else {}


def _pay_at_page(shopper: Shopper, session: dict[str, Any]) -> None:
    """The cardholder's page sends its payment method until it is told how that went, or is left."""
    intent = session["payment_intent"]
    told = Told(f"page-{session['id']}", f"/v1/payment_intents/{intent}/confirm", {}, 200, {"id": intent})
    shopper.told.append(told)
    shopper.followed.append(told)
    for _ in range(CLICKS):
        web = shopper.dice.choice(shopper.rig.webs)
        with suppress(urllib3.exceptions.HTTPError):
            address = f"{web.url}/checkout/{session['id']}/pay"
            answer = http.request("POST", address, fields=CLICK, encode_multipart=False, timeout=4)
            if answer.headers.get("Stripe-Should-Retry") == "false":
                return
        time.sleep(1)


@story("charges", "disputes.id", "learn.after_lookup", "dispute.before_commit")
def a_dispute_won(shopper: Shopper) -> None:
    if path := _disputed(shopper):
        shopper.ask(path, {"evidence[customer_name]": "Ada", "metadata[case]": "7"})
        shopper.ask(path, {"evidence[uncategorized_text]": "winning_evidence", "submit": "true"})


@story("charges", "disputes.id.close")
def a_dispute_given_in_to(shopper: Shopper) -> None:
    if path := _disputed(shopper):
        shopper.ask(f"{path}/close", {})


@story("charges", "look_after_disputes.after_claim", "dispute.after_answer", "dispute.after_booked")
def evidence_that_nobody_comes_back_for(shopper: Shopper) -> None:
    if path := _disputed(shopper):
        lost = {"evidence[uncategorized_text]": "losing_evidence", "submit": "true"}
        shopper.ask(path, lost, returns=False)


def _disputed(shopper: Shopper) -> str:
    made = charge(shopper, source="tok_createDispute")
    if made.status != 200:
        return ""
    found = shopper.first_of(f"/v1/disputes?charge={made.body['id']}", seconds=PATIENCE_SECONDS)
    assert found, f"the bank's dispute of {made.body['id']} is not heard of"
    return f"/v1/disputes/{found['id']}"


@story(
    "charges",
    "payouts",
    "payouts.id",
    *("sweep.after_claim", "resume.before_lookup", "resume.after_lookup"),
    *("phase_2.before_commit", "phase_2.after_commit"),
    *("learn.before_commit", "learn.after_commit", "look_after_payouts.after_claim"),
)
def a_payout(shopper: Shopper) -> None:
    made = _earned(shopper) and shopper.ask("/v1/payouts", {"amount": 700, "currency": "usd"})
    if made and made.status == 200:
        shopper.ask(f"/v1/payouts/{made.body['id']}", {"metadata[for]": "rent"})


@story("charges", "payouts", "payouts.id.cancel")
def a_payout_called_back(shopper: Shopper) -> None:
    made = _earned(shopper) and shopper.ask("/v1/payouts", {"amount": 300, "currency": "usd"})
    if made and made.status == 200:
        shopper.ask(f"/v1/payouts/{made.body['id']}/cancel", {})


@story("charges", "schedule.before_commit")
def a_payout_on_schedule(shopper: Shopper) -> None:
    """Its merchant has terms of their own. What others of the same merchant took may leave nothing to pay out."""
    if _earned(shopper):
        shopper.first_of("/v1/payouts", seconds=SCHEDULE_SECONDS)


def _earned(shopper: Shopper) -> bool:
    """Something that is available at once."""
    return charge(shopper, source="tok_bypassPending", amount=20_000).status == 200
