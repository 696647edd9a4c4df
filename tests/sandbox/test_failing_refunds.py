"""A refund of the card that is made for it is approved, and comes back later."""

import signal
import time

from tests.sandbox.bank_process import RETURNING_CARD, SandboxBank, new_reference, wait_for


def returning_sale(bank: SandboxBank) -> str:
    sale: str = bank.authorize(new_reference(), 100, number=RETURNING_CARD, capture=True).body["id"]
    return sale


def has_failed(bank: SandboxBank, reference: str) -> bool:
    return bool(bank.look_up(reference).body["status"] == "failed")


def test_refund_is_approved_at_first_and_fails_later(bank: SandboxBank) -> None:
    bank.refunds_fail_after(0.5)
    started = time.monotonic()
    refund = bank.refund(returning_sale(bank), 60).body
    assert (refund["status"], refund["failure_reason"]) == ("approved", None)
    wait_for(lambda: has_failed(bank, refund["reference"]))
    assert time.monotonic() - started >= 0.5
    failed = bank.look_up(refund["reference"]).body
    assert failed == refund | {"status": "failed", "failure_reason": "expired_or_canceled_card"}


def test_repeated_order_hears_that_it_failed(bank: SandboxBank) -> None:
    bank.refunds_fail_after(0)
    sale, reference = returning_sale(bank), new_reference()
    bank.refund(sale, 60, reference)
    wait_for(lambda: has_failed(bank, reference))
    assert bank.refund(sale, 60, reference).body["status"] == "failed"
    counts = bank.counts(reference)
    assert (counts["refund"], counts["approved"]["refund"]) == (1, 1)


def test_money_that_came_back_can_be_refunded_again(bank: SandboxBank) -> None:
    bank.refunds_fail_after(0.3)
    sale, reference = returning_sale(bank), new_reference()
    bank.refund(sale, 60, reference)
    assert bank.refund(sale, 60).body["status"] == "declined"
    wait_for(lambda: has_failed(bank, reference))
    assert bank.refund(sale, 100).body["status"] == "approved"


def test_refund_of_another_card_stays(bank: SandboxBank) -> None:
    bank.refunds_fail_after(0)
    sale = bank.authorize(new_reference(), 100, capture=True).body["id"]
    refund = bank.refund(sale, 60).body
    time.sleep(0.3)
    assert bank.look_up(refund["reference"]).body == refund


def test_declined_refund_does_not_fail_later(bank: SandboxBank) -> None:
    bank.refunds_fail_after(0)
    refund = bank.refund(returning_sale(bank), 101).body
    time.sleep(0.3)
    assert bank.look_up(refund["reference"]).body["status"] == "declined"


def test_refund_that_was_due_while_the_bank_was_down_fails_at_its_start(own_bank: SandboxBank) -> None:
    own_bank.refunds_fail_after(0.5)
    reference = own_bank.refund(returning_sale(own_bank), 60).body["reference"]
    own_bank.stop(signal.SIGKILL)
    time.sleep(0.5)
    own_bank.start()
    wait_for(lambda: has_failed(own_bank, reference))


def test_tombstone_leaves_a_failed_refund_as_it_is(bank: SandboxBank) -> None:
    bank.refunds_fail_after(0)
    reference = bank.refund(returning_sale(bank), 60).body["reference"]
    wait_for(lambda: has_failed(bank, reference))
    buried = bank.tombstone(reference).body
    assert (buried["status"], buried["operation"]["status"]) == ("done", "failed")
