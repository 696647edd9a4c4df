"""A cardholder's own browser, from the shop to the bank's challenge and back."""

from typing import Any

import pytest
import stripe
from stripe import StripeClient

from merchants.services import NewMerchant
from tests.console.browser import needed_chromium, open_page
from tests.support.eventually import eventually
from tests.support.processes import System


@pytest.mark.parametrize(
    ("button", "said", "status"),
    [
        ("#complete", "Thank you", "succeeded"),
        ("#fail", "Your payment was not made", "requires_payment_method"),
    ],
)
def test_the_challenge_is_answered_and_the_shop_knows(
    system: System, shop: NewMerchant, button: str, said: str, status: str
) -> None:
    program = needed_chromium()
    client = StripeClient(shop.keys["sk_test"], base_addresses={"api": system.web.url})
    asked = _challenged(client)
    action: Any = asked.next_action
    with open_page(program) as page:
        page.goto(action.redirect_to_url.url)
        page.click(button)
        page.wait_for_selector(f"text={said}")
        assert page.url.startswith(f"{system.web.url}/pay/return/")
    assert client.v1.payment_intents.retrieve(asked.id).status == status


def test_a_challenge_that_nobody_answers_is_given_up(
    system: System, shop: NewMerchant, system_books: Any
) -> None:
    client = StripeClient(shop.keys["sk_test"], base_addresses={"api": system.web.url})
    asked = _challenged(client)
    with system_books.superuser() as books:
        books.execute(
            "UPDATE payments_charge SET action_until = now(), next_look_at = now() WHERE public_id = %s",
            [asked.latest_charge],
        )
    eventually(
        lambda: client.v1.payment_intents.retrieve(asked.id).status == "requires_payment_method", seconds=20
    )
    error: Any = client.v1.payment_intents.retrieve(asked.id).last_payment_error
    assert error.code == "payment_intent_authentication_failure"


def test_what_is_not_captured_in_time_expires(system: System, shop: NewMerchant, system_books: Any) -> None:
    client = StripeClient(shop.keys["sk_test"], base_addresses={"api": system.web.url})
    held = client.v1.payment_intents.create(
        {
            "amount": 10_000,
            "currency": "usd",
            "payment_method": "pm_card_visa",
            "allowed_payment_method_types": ["card"],
            "capture_method": "manual",
            "confirm": True,
        }
    )
    with system_books.superuser() as books:
        books.execute("SET session_replication_role = replica")
        books.execute(
            "UPDATE payments_charge SET capture_before = now(), next_look_at = now() WHERE public_id = %s",
            [held.latest_charge],
        )
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.capture(held.id)
    eventually(lambda: client.v1.payment_intents.retrieve(held.id).status == "canceled", seconds=20)
    assert client.v1.charges.retrieve(str(held.latest_charge)).refunded
    types = [event.type for event in client.v1.events.list({"limit": 2}).data]
    assert types == ["payment_intent.canceled", "charge.expired"]


def _challenged(client: StripeClient) -> stripe.PaymentIntent:
    return client.v1.payment_intents.create(
        {
            "amount": 10_000,
            "currency": "usd",
            "payment_method": "pm_card_authenticationRequired",
            "allowed_payment_method_types": ["card"],
            "confirm": True,
        }
    )
