"""What Stripe says to an authorization becomes the protocol's words: through the real vault and the official SDK,
at a server of the tests."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import pytest

from core.ids import new_id
from processors.protocol import (
    Approved,
    Declined,
    NotSent,
    Unknown,
    VoidRequest,
)
from processors.stripe import StripeProcessor
from processors.vault import VaultClient
from tests.processors.shop import AMOUNT, CHALLENGED_CARD, DECLINED_CARD, SECONDS, VISA, Shop
from tests.processors.stripe_server import StripeServer
from tests.vault.room import Merchant

INTENTS, METHODS = "/v1/payment_intents", "/v1/payment_methods"
Forget = Callable[[str], None]


@pytest.fixture
def shop(merchant: Merchant, stripe_adapter: StripeProcessor) -> Shop:
    return Shop(merchant, stripe_adapter)


class TestAuthorizations:
    def test_the_card_goes_through_the_vault_and_the_money_follows_under_our_reference(
        self, shop: Shop, stripe_server: StripeServer
    ) -> None:
        order = shop.order()
        outcome = shop.send(order)
        assert outcome == Approved(
            processor_id=next(iter(stripe_server.books.intents)),
            amount_minor=AMOUNT,
            authorization_code="123456",
            network_transaction_id="777",
            checks={"cvc": "pass"},
            raw=outcome.raw,  # type: ignore[union-attr]
        )
        card, intent = stripe_server.calls
        assert card.fields == {
            "type": "card",
            "card": {"number": VISA, "exp_month": "12", "exp_year": "2034", "cvc": "123"},
        }
        assert (card.key, intent.key) == (f"{order.reference}-card", order.reference)
        assert card.headers["authorization"] == intent.headers["authorization"] == "Bearer sk_test_peer"
        assert card.headers["stripe-version"] == intent.headers["stripe-version"]
        assert intent.fields == {
            "amount": "10000",
            "currency": "usd",
            "confirm": "true",
            "capture_method": "automatic",
            "payment_method": next(iter(stripe_server.books.methods)),
            "allowed_payment_method_types": ["card"],
            "metadata": {"tollgate_reference": order.reference},
            "return_url": "https://shop.example/back",
            "statement_descriptor_suffix": "A SHOP",
            "expand": ["latest_charge"],
        }

    def test_what_is_kept_of_an_answer_lets_nobody_confirm_it(self, shop: Shop) -> None:
        outcome = shop.send(shop.order())
        assert isinstance(outcome, Approved)
        assert outcome.raw["status"] == "succeeded"
        assert "client_secret" not in outcome.raw

    def test_manual_capture_holds(self, shop: Shop, stripe_server: StripeServer) -> None:
        order = shop.order(capture=False)
        outcome = shop.send(order)
        assert isinstance(outcome, Approved)
        assert outcome.amount_minor == AMOUNT
        assert stripe_server.books.intents[outcome.processor_id]["status"] == "requires_capture"

    def test_decline_is_in_stripes_words(self, shop: Shop) -> None:
        assert shop.send(shop.order(DECLINED_CARD)) == Declined("insufficient_funds")

    def test_a_card_that_stripe_does_not_take_is_a_decline_without_an_intent(
        self, shop: Shop, stripe_server: StripeServer
    ) -> None:
        error = {"error": {"type": "card_error", "code": "expired_card", "message": "no"}}
        stripe_server.fault("POST", METHODS, 402, error)
        assert shop.send(shop.order()) == Declined("expired_card")
        assert not stripe_server.books.intents

    def test_without_a_way_back_a_challenge_is_a_decline(self, shop: Shop) -> None:
        assert shop.send(shop.order(CHALLENGED_CARD, return_url="")) == Declined("authentication_required")

    @pytest.mark.parametrize(
        ("descriptor", "suffix"),
        [("", None), ("12345", None), ('A <"*> B', "A  B"), ("A VERY LONG NAME", "A VERY LON")],
    )
    def test_descriptor_is_what_fits_on_a_statement(
        self, shop: Shop, stripe_server: StripeServer, descriptor: str, suffix: str | None
    ) -> None:
        shop.send(shop.order(descriptor=descriptor))
        assert stripe_server.calls[-1].fields.get("statement_descriptor_suffix") == suffix


class TestWhatIsNotClear:
    @pytest.mark.parametrize("done", [True, False])
    @pytest.mark.parametrize(
        ("status", "body"), [(0, None), (500, {}), (409, {}), (200, b"<html>"), (200, [1])]
    )
    def test_no_clear_word_on_the_intent_is_unknown(
        self, shop: Shop, stripe_server: StripeServer, status: int, body: Any, done: bool
    ) -> None:
        order = shop.order()
        stripe_server.fault("POST", INTENTS, status, body, done=done)
        assert isinstance(shop.send(order), Unknown)
        assert len(stripe_server.called("POST", INTENTS)) == 1
        assert isinstance(shop.send(order), Approved)
        assert len(stripe_server.books.intents) == 1

    @pytest.mark.parametrize(
        ("status", "code"),
        [
            (400, "order_refused"),
            (404, "order_refused"),
            (401, "processor_refused"),
            (403, "processor_refused"),
            (429, "processor_refused"),
        ],
    )
    def test_a_clear_refusal_is_not_sent_and_says_whether_it_is_about_this_order_only(
        self, shop: Shop, stripe_server: StripeServer, status: int, code: str
    ) -> None:
        for path in (METHODS, INTENTS):
            stripe_server.fault("POST", path, status, {"error": {"type": "invalid_request_error"}})
            outcome = shop.send(shop.order())
            assert isinstance(outcome, NotSent)
            assert outcome.code == code

    def test_a_402_that_is_not_about_the_card_is_no_decline(
        self, shop: Shop, stripe_server: StripeServer
    ) -> None:
        error = {"error": {"type": "invalid_request_error", "message": "raw card numbers"}}
        stripe_server.fault("POST", METHODS, 402, error)
        assert isinstance(shop.send(shop.order()), NotSent)
        stripe_server.fault("POST", INTENTS, 402, error)
        assert isinstance(shop.send(shop.order()), Unknown)

    @pytest.mark.parametrize("status", [0, 400, 401, 409, 429, 500])
    def test_without_a_payment_method_nothing_was_charged(
        self, shop: Shop, stripe_server: StripeServer, status: int
    ) -> None:
        stripe_server.fault("POST", METHODS, status, {"error": {"type": "api_error", "message": "no"}})
        assert isinstance(shop.send(shop.order()), NotSent)
        assert not stripe_server.called("POST", INTENTS)

    def test_after_not_sent_the_card_goes_elsewhere_with_its_code(
        self, shop: Shop, stripe_server: StripeServer
    ) -> None:
        order = shop.order()
        stripe_server.fault(
            "POST", INTENTS, 400, {"error": {"type": "invalid_request_error", "message": "no"}}
        )
        assert isinstance(shop.send(order), NotSent)
        shop.send(dataclasses.replace(order, reference=new_id("op")))
        assert [call.fields["card"]["cvc"] for call in stripe_server.called("POST", METHODS)] == [
            "123",
            "123",
        ]

    def test_where_nobody_listens_nothing_was_sent(self, vault: VaultClient, shop: Shop, nobody: str) -> None:
        away = StripeProcessor(name="away", vault=vault, key="k", base_url=nobody)
        assert isinstance(away.authorize(shop.order(), timeout_seconds=SECONDS), NotSent)
        request = VoidRequest(new_id("op"), "pi_1", AMOUNT, "usd")
        assert isinstance(away.void(request, timeout_seconds=SECONDS), NotSent)
        assert isinstance(away.look_up("op_1", timeout_seconds=SECONDS), Unknown)
        assert isinstance(away.void_by_reference("op_1", timeout_seconds=SECONDS), Unknown)

    def test_both_calls_share_one_deadline(self, shop: Shop, stripe_server: StripeServer) -> None:
        with stripe_server.lock:
            began = time.monotonic()
            assert isinstance(shop.send(shop.order(), timeout_seconds=0.5), NotSent)
            assert time.monotonic() - began < 2


class TestTheSameReferenceAgain:
    def test_it_is_the_same_payment(self, shop: Shop, stripe_server: StripeServer) -> None:
        order = shop.order()
        assert shop.send(order) == shop.send(order)
        assert len(stripe_server.books.intents) == 1

    def test_without_the_code_it_is_the_same_payment_too(
        self, shop: Shop, stripe_server: StripeServer, forget_code: Forget
    ) -> None:
        order = shop.order()
        first = shop.send(order)
        forget_code(order.token)
        assert shop.send(order) == first
        assert [call.key for call in stripe_server.called("POST", METHODS)] == [
            f"{order.reference}-card",
            f"{order.reference}-card",
            f"{order.reference}-card-again",
        ]
        assert len(stripe_server.books.intents) == 1

    def test_a_card_that_is_refused_now_says_nothing_of_the_first_sending(
        self, shop: Shop, stripe_server: StripeServer, forget_code: Forget
    ) -> None:
        order = shop.order()
        stripe_server.fault("POST", INTENTS, done=True)
        assert isinstance(shop.send(order), Unknown)
        forget_code(order.token)
        error = {"error": {"type": "card_error", "code": "expired_card"}}
        stripe_server.fault("POST", METHODS, 402, error, key="-card-again")
        assert isinstance(shop.send(order), NotSent)
        assert isinstance(shop.look_up(order.reference), Approved)

    def test_while_the_search_lags_it_is_unknown(
        self, shop: Shop, stripe_server: StripeServer, forget_code: Forget
    ) -> None:
        order = shop.order()
        shop.send(order)
        forget_code(order.token)
        stripe_server.books.search_finds = False
        assert isinstance(shop.send(order), Unknown)


def test_shillings_that_stripe_counts_otherwise_are_not_offered() -> None:
    currencies = StripeProcessor.capabilities.currencies
    assert currencies is not None
    assert "usd" in currencies
    assert not currencies & {"ugx", "iqd", "lyd"}
