"""Every test card does at the bank what its documentation says."""

import datetime

import pytest

from sandbox.cards import BEHAVIOURS, Card, passes_luhn
from tests.sandbox.bank_process import SandboxBank, new_reference

APPROVED = [
    "4242424242424242",
    "5555555555554444",
    "378282246310005",
    "6011111111111117",
    "4000056655665556",
    "5200828282828210",
]
DECLINED = {
    "4000000000000002": "generic_decline",
    "4000000000000341": "generic_decline",
    "4000000000009995": "insufficient_funds",
    "4000000000009987": "lost_card",
    "4000000000009979": "stolen_card",
    "4000000000000069": "expired_card",
    "4000000000000127": "incorrect_cvc",
    "4000000000000119": "processing_error",
    "4000000000006975": "card_velocity_exceeded",
    "4100000000000019": "fraudulent",
}
FAILED_CHECKS = {
    "4000000000000101": {"cvc"},
    "4000000000000036": {"address_postal_code"},
    "4000000000000028": {"address_line1"},
    "4000000000000010": {"address_line1", "address_postal_code"},
}
SCENARIOS = {
    "4000000000000077": "available_at_once",
    "4000003720000278": "available_at_once",
    "4000000000000259": "dispute_fraudulent",
    "4000000000002685": "dispute_product_not_received",
    "4000000000001976": "inquiry",
    "4000000000005126": "refund_fails_later",
}
AUTHENTICATED = ["4000002500003155", "4000002760003184"]


def test_every_card_of_the_table_is_tested_here() -> None:
    assert {*APPROVED, *DECLINED, *FAILED_CHECKS, *SCENARIOS, *AUTHENTICATED} == set(BEHAVIOURS)
    assert all(passes_luhn(number) for number in BEHAVIOURS)


@pytest.mark.parametrize("number", APPROVED)
def test_approving_card_is_approved(bank: SandboxBank, number: str) -> None:
    cvc = "1234" if number.startswith("37") else "123"
    body = bank.authorize(new_reference(), number=number, capture=True, cvc=cvc).body
    assert (body["status"], body["decline_code"], body["scenario"]) == ("approved", None, None)
    assert body["checks"] == {"cvc": "pass", "address_line1": "unchecked", "address_postal_code": "unchecked"}


@pytest.mark.parametrize(("number", "code"), DECLINED.items())
def test_declining_card_is_declined_with_its_code(bank: SandboxBank, number: str, code: str) -> None:
    body = bank.authorize(new_reference(), number=number, capture=True).body
    assert (body["status"], body["decline_code"]) == ("declined", code)
    assert (body["captured"], body["fee"]) == (0, 0)
    assert body["authorization_code"] is None
    assert body["network_transaction_id"] is None


@pytest.mark.parametrize(("number", "failed"), FAILED_CHECKS.items())
def test_failing_check_is_reported_and_the_card_approved(
    bank: SandboxBank, number: str, failed: set[str]
) -> None:
    body = bank.authorize(new_reference(), number=number).body
    assert body["status"] == "approved"
    assert {check for check, result in body["checks"].items() if result == "fail"} == failed


@pytest.mark.parametrize(("number", "scenario"), SCENARIOS.items())
def test_card_with_a_later_story_is_approved_and_names_it(
    bank: SandboxBank, number: str, scenario: str
) -> None:
    body = bank.authorize(new_reference(), 500, number=number, capture=True).body
    assert (body["status"], body["scenario"]) == ("approved", scenario)
    assert bank.refund(body["id"], 500).body["scenario"] == scenario


@pytest.mark.parametrize("number", AUTHENTICATED)
def test_card_that_needs_authentication_moves_nothing_before_it(bank: SandboxBank, number: str) -> None:
    body = bank.authorize(new_reference(), 500, number=number, capture=True).body
    assert (body["status"], body["captured"], body["decline_code"]) == ("action_required", 0, None)
    assert body["redirect_url"] == f"{bank.url}/challenge/{body['id']}"
    assert bank.capture(body["id"], 500).body["decline_code"] == "not_allowed"
    assert bank.void(body["id"]).body["status"] == "approved"


def test_missing_cvc_is_unchecked(bank: SandboxBank) -> None:
    assert bank.authorize(new_reference(), cvc=None).body["checks"]["cvc"] == "unchecked"


def test_card_outside_the_table_is_approved(bank: SandboxBank) -> None:
    assert bank.authorize(new_reference(), number="4111111111111111").body["status"] == "approved"


def test_card_that_expired_since_it_was_saved_is_declined(bank: SandboxBank) -> None:
    body = bank.authorize(new_reference(), exp_year=2020).body
    assert (body["status"], body["decline_code"]) == ("declined", "expired_card")


def test_card_is_good_through_its_last_month() -> None:
    card = Card(number="4242424242424242", exp_month=2, exp_year=2028, cvc=None)
    assert not card.is_expired(datetime.date(2028, 2, 29))
    assert card.is_expired(datetime.date(2028, 3, 1))
    assert "4242" not in repr(card)
