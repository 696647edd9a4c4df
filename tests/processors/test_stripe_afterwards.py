"""What comes after an authorization at Stripe, and what our reference is worth there."""

from typing import Any

import pytest

from core.ids import new_id
from processors.protocol import (
    ActionRequired,
    Approved,
    Declined,
    Failed,
    NotFound,
    NotSent,
    Pending,
    Tombstoned,
    Unknown,
)
from processors.stripe import StripeProcessor
from tests.processors.shop import AMOUNT, CHALLENGED_CARD, DECLINED_CARD, VISA, Shop
from tests.processors.stripe_server import StripeServer
from tests.vault.room import Merchant


@pytest.fixture
def shop(merchant: Merchant, stripe_adapter: StripeProcessor) -> Shop:
    return Shop(merchant, stripe_adapter)


class TestChallenges:
    def test_completion_waits_for_the_cardholder_and_then_says_what_was_done(
        self, shop: Shop, stripe_server: StripeServer
    ) -> None:
        intent_id = shop.challenged().processor_id
        waiting = shop.complete(intent_id)
        assert isinstance(waiting, ActionRequired)
        assert waiting.redirect_url == "https://hooks.stripe.example/3d"
        stripe_server.books.pay(stripe_server.books.intents[intent_id])
        done = shop.complete(intent_id)
        assert isinstance(done, Approved)
        assert done.processor_id == intent_id

    def test_failed_challenge_is_a_decline(self, shop: Shop, stripe_server: StripeServer) -> None:
        intent_id = shop.challenged().processor_id
        stripe_server.books.intents[intent_id] |= {
            "status": "requires_payment_method",
            "last_payment_error": {"code": "payment_intent_authentication_failure"},
        }
        outcome = shop.complete(intent_id)
        assert isinstance(outcome, Declined)
        assert outcome.decline_code == "payment_intent_authentication_failure"

    def test_an_intent_that_waits_for_us_is_confirmed(self, shop: Shop, stripe_server: StripeServer) -> None:
        intent_id = shop.challenged().processor_id
        method = next(iter(stripe_server.books.methods))
        stripe_server.books.methods[method] = VISA
        stripe_server.books.intents[intent_id] |= {
            "status": "requires_confirmation",
            "payment_method": method,
        }
        assert isinstance(shop.complete(intent_id), Approved)

    def test_void_ends_an_open_challenge(self, shop: Shop) -> None:
        assert isinstance(shop.void(shop.challenged().processor_id), Approved)

    def test_undecided_is_pending(self, shop: Shop, stripe_server: StripeServer) -> None:
        intent_id = shop.challenged().processor_id
        stripe_server.books.intents[intent_id]["status"] = "processing"
        assert isinstance(shop.complete(intent_id), Pending)


class TestWhatFollows:
    def test_capture_takes_part_once(self, shop: Shop) -> None:
        held = shop.held()
        captured = shop.capture(held, 4_000)
        assert isinstance(captured, Approved)
        assert (captured.processor_id, captured.amount_minor) == (held, 4_000)

    def test_capture_of_too_much_is_refused_for_good(self, shop: Shop) -> None:
        assert shop.capture(shop.held(), AMOUNT + 1) == Declined("amount_too_large")

    @pytest.mark.parametrize("done", [True, False])
    def test_capture_and_void_sent_again_say_what_they_did(
        self, shop: Shop, stripe_server: StripeServer, done: bool
    ) -> None:
        for step, path in ((shop.capture, "/capture"), (shop.void, "/cancel")):
            held, reference = shop.held(), new_id("op")
            stripe_server.fault("POST", path, done=done)
            assert isinstance(step(held, reference=reference), Unknown)
            # As if days had gone by.
            stripe_server.books.forget_keys()
            for _ in range(2):
                again = step(held, reference=reference)
                assert isinstance(again, Approved)
                assert again.amount_minor == AMOUNT

    def test_what_is_over_can_not_be_changed(self, shop: Shop) -> None:
        taken, freed = shop.sold(), shop.held()
        shop.void(freed)
        for outcome in (shop.void(taken), shop.capture(freed)):
            assert isinstance(outcome, Declined)
            assert outcome.decline_code == "not_allowed"

    def test_an_intent_that_stripe_does_not_know_is_somebody_elses_account(self, shop: Shop) -> None:
        outcome = shop.capture("pi_unknown")
        assert isinstance(outcome, NotSent)
        assert outcome.code == "order_refused"

    def test_refund_is_made_once_however_late_it_is_repeated(
        self, shop: Shop, stripe_server: StripeServer
    ) -> None:
        taken, reference = shop.sold(), new_id("op")
        shop.refund(taken, 1_000)
        stripe_server.fault("POST", "/v1/refunds", done=True)
        assert isinstance(shop.refund(taken, 2_500, reference), Unknown)
        stripe_server.books.forget_keys()
        again = shop.refund(taken, 2_500, reference)
        assert isinstance(again, Approved)
        assert again.amount_minor == 2_500
        assert [one["amount"] for one in stripe_server.books.refunds.values()] == [1_000, 2_500]
        assert shop.look_up(reference) == again

    def test_refund_of_too_much_is_refused_for_good(self, shop: Shop) -> None:
        assert shop.refund(shop.sold(), AMOUNT + 1) == Declined("charge_already_refunded")

    def test_refund_that_came_back_long_ago_is_found_among_the_failed(
        self, shop: Shop, stripe_server: StripeServer
    ) -> None:
        taken, reference = shop.sold(), new_id("op")
        refunded = shop.refund(taken, 2_500, reference)
        assert isinstance(refunded, Approved)
        refund = stripe_server.books.refunds.pop(refunded.processor_id)
        refund |= {"status": "failed", "failure_reason": "expired_or_canceled_card"}
        stripe_server.books.events.append(
            {"object": "event", "id": "evt_1", "type": "refund.failed", "data": {"object": refund}}
        )
        outcome = shop.look_up(reference)
        assert isinstance(outcome, Failed)
        assert (outcome.processor_id, outcome.reason) == (refund["id"], "expired_or_canceled_card")

    def test_refund_that_waits_is_pending(self, shop: Shop, stripe_server: StripeServer) -> None:
        taken, reference = shop.sold(), new_id("op")
        refunded = shop.refund(taken, 2_500, reference)
        assert isinstance(refunded, Approved)
        stripe_server.books.refunds[refunded.processor_id]["status"] = "pending"
        assert isinstance(shop.refund(taken, 2_500, reference), Pending)


class TestReferences:
    def test_lookup_says_what_became_of_the_payment(self, shop: Shop) -> None:
        for number, expected in (
            (VISA, Approved),
            (DECLINED_CARD, Declined),
            (CHALLENGED_CARD, ActionRequired),
        ):
            order = shop.order(number)
            shop.send(order)
            assert isinstance(shop.look_up(order.reference), expected)

    def test_what_the_search_does_not_show_is_not_found(
        self, shop: Shop, stripe_server: StripeServer
    ) -> None:
        order = shop.order()
        shop.send(order)
        stripe_server.books.search_finds = False
        assert shop.look_up(order.reference) == NotFound()

    def test_a_voided_reference_can_never_be_paid(self, shop: Shop, stripe_server: StripeServer) -> None:
        order = shop.order()
        assert isinstance(shop.void_by_reference(order.reference), Tombstoned)
        assert isinstance(shop.look_up(order.reference), Tombstoned)
        assert isinstance(shop.send(order), Tombstoned)
        assert [intent["status"] for intent in stripe_server.books.intents.values()] == ["canceled"]

    @pytest.mark.parametrize("number", [VISA, CHALLENGED_CARD])
    def test_what_arrived_before_is_undone_while_that_is_possible(self, shop: Shop, number: str) -> None:
        order = shop.order(number, capture=False)
        shop.send(order)
        assert isinstance(shop.void_by_reference(order.reference), Tombstoned)
        assert isinstance(shop.look_up(order.reference), Tombstoned)

    def test_money_that_was_taken_stands(self, shop: Shop) -> None:
        order = shop.order()
        taken = shop.send(order)
        assert shop.void_by_reference(order.reference) == taken

    def test_a_reference_that_arrived_and_is_not_found_yet_is_unknown(
        self, shop: Shop, stripe_server: StripeServer
    ) -> None:
        order = shop.order(capture=False)
        shop.send(order)
        stripe_server.books.search_finds = False
        assert isinstance(shop.void_by_reference(order.reference), Unknown)
        stripe_server.books.search_finds = True
        assert isinstance(shop.void_by_reference(order.reference), Tombstoned)

    def test_a_void_that_broke_off_is_finished_by_the_next(
        self, shop: Shop, stripe_server: StripeServer
    ) -> None:
        order = shop.order()
        stripe_server.fault("POST", "/cancel")
        assert isinstance(shop.void_by_reference(order.reference), Unknown)
        assert shop.look_up(order.reference) == NotFound()
        assert isinstance(shop.void_by_reference(order.reference), Tombstoned)

    @pytest.mark.parametrize("body", [b"<html>", [], {}, {"data": 1}])
    def test_what_stripe_would_never_say_is_unknown(
        self, shop: Shop, stripe_server: StripeServer, body: Any
    ) -> None:
        sold, reference = shop.sold(), new_id("op")
        stripe_server.fault("GET", "/search", 200, body)
        assert isinstance(shop.look_up(reference), Unknown)
        stripe_server.fault("GET", "/search", 200, body)
        assert isinstance(shop.void_by_reference(reference), Unknown)
        stripe_server.fault("GET", "/v1/refunds", 200, body)
        assert isinstance(shop.refund(sold, 1, reference), Unknown)
        stripe_server.fault("GET", sold, 200, body)
        assert isinstance(shop.complete(sold), Unknown)
        assert not stripe_server.books.refunds
