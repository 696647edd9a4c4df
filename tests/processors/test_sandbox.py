"""The sandbox bank's words become the protocol's, through the real vault and the real bank."""

import dataclasses

import pytest

from core.ids import new_id
from processors.protocol import (
    ActionRequired,
    Approved,
    Declined,
    Failed,
    NotFound,
    NotSent,
    Tombstoned,
    Unknown,
    VoidRequest,
)
from processors.sandbox import SandboxProcessor
from processors.vault import VaultClient
from tests.processors.shop import AMOUNT, CHALLENGED_CARD, DECLINED_CARD, SECONDS, Shop
from tests.sandbox.bank_process import RETURNING_CARD, SandboxBank, wait_for
from tests.vault.room import Merchant


@pytest.fixture
def shop(merchant: Merchant, sandbox: SandboxProcessor) -> Shop:
    return Shop(merchant, sandbox)


class TestAuthorizations:
    def test_approval_says_what_was_held_and_what_the_bank_checked(self, shop: Shop) -> None:
        order = shop.order()
        outcome = shop.send(order)
        assert isinstance(outcome, Approved)
        assert (outcome.amount_minor, outcome.checks["cvc"]) == (AMOUNT, "pass")
        assert outcome.authorization_code
        assert outcome.network_transaction_id
        assert shop.look_up(order.reference) == outcome

    def test_decline_is_in_stripes_words(self, shop: Shop) -> None:
        outcome = shop.send(shop.order(DECLINED_CARD))
        assert isinstance(outcome, Declined)
        assert outcome.decline_code == "insufficient_funds"

    def test_attempts_of_one_payment_share_its_token_and_another_payment_gets_nothing(
        self, shop: Shop, bank: SandboxBank
    ) -> None:
        first = shop.order()
        second = dataclasses.replace(first, reference=new_id("op"))
        third = dataclasses.replace(first, reference=new_id("op"), payment=new_id("pi"))
        assert isinstance(shop.send(first), Approved)
        assert isinstance(shop.send(second), Approved)
        outcome = shop.send(third)
        assert isinstance(outcome, NotSent)
        assert outcome.code == "token_already_used"
        assert bank.look_up(third.reference).status == 404

    def test_turned_away_is_not_sent_and_the_card_can_go_elsewhere_with_its_code(
        self, shop: Shop, bank: SandboxBank
    ) -> None:
        order = shop.order()
        bank.fault("refused", {"reference": order.reference})
        outcome = shop.send(order)
        assert isinstance(outcome, NotSent)
        assert outcome.code == "processor_refused"
        assert shop.look_up(order.reference) == NotFound()
        elsewhere = shop.send(dataclasses.replace(order, reference=new_id("op")))
        assert isinstance(elsewhere, Approved)
        assert elsewhere.checks["cvc"] == "pass"

    @pytest.mark.parametrize("fault", ["error_before", "error_after", "drop", "drop_after"])
    def test_what_is_not_a_clear_word_is_unknown(self, shop: Shop, bank: SandboxBank, fault: str) -> None:
        order = shop.order()
        bank.fault(fault, {"reference": order.reference}, times=1)
        assert isinstance(shop.send(order), Unknown)
        again = shop.send(order)
        assert isinstance(again, Approved)
        assert bank.counts(order.reference)["authorize"] == 1


class TestChallenges:
    def test_completion_waits_for_the_cardholder_and_then_says_what_was_done(
        self, shop: Shop, bank: SandboxBank
    ) -> None:
        challenge, reference = shop.challenged(), new_id("op")
        assert isinstance(shop.complete(challenge.processor_id, reference), ActionRequired)
        page = bank.answer(challenge.redirect_url, "succeed")
        assert (page.status, page.headers["Location"]) == (303, "https://shop.example/back")
        outcome = shop.complete(challenge.processor_id, reference)
        assert isinstance(outcome, Approved)
        assert (outcome.processor_id, outcome.amount_minor) == (challenge.processor_id, AMOUNT)
        assert isinstance(shop.capture(challenge.processor_id), Approved)

    def test_failed_challenge_is_a_decline_for_completion_and_lookup_alike(
        self, shop: Shop, bank: SandboxBank
    ) -> None:
        order = shop.order(CHALLENGED_CARD)
        challenge = shop.challenged(order)
        bank.answer(challenge.redirect_url, "fail")
        for outcome in (shop.complete(challenge.processor_id), shop.look_up(order.reference)):
            assert isinstance(outcome, Declined)
            assert outcome.decline_code == "authentication_failed"

    def test_lookup_of_the_authorization_finds_a_success_that_nobody_asked_about(
        self, shop: Shop, bank: SandboxBank
    ) -> None:
        order = shop.order(CHALLENGED_CARD)
        challenge = shop.challenged(order)
        assert isinstance(shop.look_up(order.reference), ActionRequired)
        bank.answer(challenge.redirect_url, "succeed")
        assert isinstance(shop.look_up(order.reference), Approved)

    def test_void_ends_an_open_challenge(self, shop: Shop, bank: SandboxBank) -> None:
        challenge = shop.challenged()
        assert isinstance(shop.void(challenge.processor_id), Approved)
        bank.answer(challenge.redirect_url, "succeed")
        assert isinstance(shop.complete(challenge.processor_id), Declined)


class TestWhatFollows:
    def test_void_frees_what_was_held_and_captured_money_stays(self, shop: Shop) -> None:
        held, taken = shop.held(), shop.sold()
        voided = shop.void(held)
        assert isinstance(voided, Approved)
        assert voided.amount_minor == AMOUNT
        for outcome in (shop.capture(held), shop.void(taken)):
            assert isinstance(outcome, Declined)
            assert outcome.decline_code == "not_allowed"

    def test_capture_takes_part_and_never_more_than_was_held(self, shop: Shop) -> None:
        held = shop.held()
        captured = shop.capture(held, 4_000)
        assert isinstance(captured, Approved)
        assert captured.amount_minor == 4_000
        assert isinstance(shop.capture(held, 6_001), Declined)

    def test_refund_that_came_back_is_failed(self, shop: Shop, bank: SandboxBank) -> None:
        bank.refunds_fail_after(0.2)
        reference = new_id("op")
        refunded = shop.refund(shop.sold(RETURNING_CARD), 2_500, reference)
        assert isinstance(refunded, Approved)
        wait_for(lambda: not isinstance(shop.look_up(reference), Approved))
        failed = shop.look_up(reference)
        assert isinstance(failed, Failed)
        assert (failed.processor_id, failed.reason) == (refunded.processor_id, "expired_or_canceled_card")

    def test_turned_away_steps_were_not_done(self, shop: Shop, bank: SandboxBank) -> None:
        held = shop.held()
        bank.fault("refused", {"kind": "capture"}, times=1)
        assert isinstance(shop.capture(held), NotSent)
        assert isinstance(shop.capture(held), Approved)


class TestReferences:
    def test_an_unknown_reference_is_not_found_until_it_is_voided_for_ever(self, shop: Shop) -> None:
        order = shop.order()
        assert shop.look_up(order.reference) == NotFound()
        assert isinstance(shop.void_by_reference(order.reference), Tombstoned)
        assert isinstance(shop.look_up(order.reference), Tombstoned)
        assert isinstance(shop.send(order), Tombstoned)

    def test_questions_are_never_answered_by_not_sent(
        self, vault: VaultClient, nobody: str, shop: Shop, bank: SandboxBank
    ) -> None:
        away = SandboxProcessor(name="away", vault=vault, url=nobody)
        assert isinstance(away.look_up("op_1", timeout_seconds=SECONDS), Unknown)
        assert isinstance(away.void_by_reference("op_1", timeout_seconds=SECONDS), Unknown)
        assert isinstance(
            away.void(VoidRequest("op_1", "auth_1", 1, "usd"), timeout_seconds=SECONDS), NotSent
        )
        order = shop.order()
        shop.send(order)
        bank.fault("unknown_lookup", {"reference": order.reference}, times=1)
        assert shop.look_up(order.reference) == NotFound()
        assert isinstance(shop.look_up(order.reference), Approved)
