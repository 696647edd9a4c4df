"""Payouts at the bank: taken in, then on their account, or not; the account number says which."""

from typing import Any

import pytest

from tests.sandbox.bank_process import SandboxBank, new_reference, wait_for

GOOD = "000123456789"
RETURNED = "000555555559"


def pay_out(bank: SandboxBank, account: str = GOOD, reference: str = "", amount: int = 500) -> Any:
    order = {
        "reference": reference or new_reference(),
        "amount": amount,
        "currency": "usd",
        "holder": "A shop",
        "country": "US",
        "routing_number": "110000000",
        "account_number": account,
        "descriptor": "",
    }
    return bank.call("POST", "/v1/payouts", order)


def status(bank: SandboxBank, reference: str) -> str:
    return str(bank.look_up(reference).body["status"])


def test_a_payout_is_taken_in_and_paid_some_seconds_later(bank: SandboxBank) -> None:
    taken = pay_out(bank).body
    assert (taken["status"], taken["amount"]) == ("approved", 500)
    wait_for(lambda: status(bank, taken["reference"]) == "paid")
    assert bank.look_up(taken["reference"]).body == taken | {"status": "paid"}


def test_a_repeated_payout_is_paid_once(bank: SandboxBank) -> None:
    reference = new_reference()
    assert pay_out(bank, reference=reference).body == pay_out(bank, reference=reference).body
    assert bank.counts(reference)["payout"] == 1
    assert pay_out(bank, reference=reference, amount=501).status == 409


@pytest.mark.parametrize(
    ("account", "why"),
    [
        ("000111111116", "no_account"),
        ("000111111113", "account_closed"),
        ("000222222227", "insufficient_funds"),
        ("000333333335", "debit_not_authorized"),
    ],
)
def test_some_accounts_never_get_it(bank: SandboxBank, account: str, why: str) -> None:
    reference = pay_out(bank, account).body["reference"]
    wait_for(lambda: status(bank, reference) == "failed")
    assert bank.look_up(reference).body["failure_reason"] == why


def test_one_account_sends_it_back_after_it_has_arrived(bank: SandboxBank) -> None:
    reference = pay_out(bank, RETURNED).body["reference"]
    wait_for(lambda: status(bank, reference) == "paid")
    wait_for(lambda: status(bank, reference) == "failed")
    assert bank.look_up(reference).body["failure_reason"] == "account_closed"


def test_one_account_is_turned_away_at_once(bank: SandboxBank) -> None:
    refused = pay_out(bank, "000444444440").body
    assert (refused["status"], refused["decline_code"]) == ("declined", "invalid_currency")


def test_a_payout_suffers_faults_like_any_call(bank: SandboxBank) -> None:
    reference = new_reference()
    bank.fault("error_after", {"kind": ["payout"]}, times=1)
    assert pay_out(bank, reference=reference).status == 500
    assert bank.counts(reference)["payout"] == 1
    assert pay_out(bank, reference=reference).body["status"] in ("approved", "paid")


def test_a_payout_behind_its_tombstone_is_refused(bank: SandboxBank) -> None:
    reference = new_reference()
    bank.tombstone(reference)
    assert pay_out(bank, reference=reference).body["decline_code"] == "tombstoned"
