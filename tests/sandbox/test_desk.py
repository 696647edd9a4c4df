"""One reference, one effect, one answer: repeated, at once, after a crash, and after its tombstone."""

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.sandbox.bank_process import Response, SandboxBank, new_reference


def test_repeated_reference_gets_the_same_answer_and_does_nothing(bank: SandboxBank) -> None:
    reference = new_reference()
    first = bank.authorize(reference, capture=True)
    assert bank.authorize(reference, capture=True) == first
    assert bank.look_up(reference) == first
    counts = bank.counts(reference)
    assert counts["authorize"] == 1
    assert counts["calls"] == {"authorize": 2, "lookup": 1}


def test_answer_stays_as_it_was_given_when_more_follows(bank: SandboxBank) -> None:
    reference = new_reference()
    first = bank.authorize(reference)
    bank.capture(first.body["id"], 10000)
    assert bank.authorize(reference) == first


def test_captures_voids_and_refunds_are_done_once_too(bank: SandboxBank) -> None:
    sale = bank.authorize(new_reference(), capture=True).body["id"]
    held, freed = (bank.authorize(new_reference()).body["id"] for _ in range(2))
    for once, again in (
        (bank.refund(sale, 4000, "op_r1"), bank.refund(sale, 4000, "op_r1")),
        (bank.capture(held, 9000, "op_c1"), bank.capture(held, 9000, "op_c1")),
        (bank.void(freed, "op_v1"), bank.void(freed, "op_v1")),
    ):
        assert once.body["status"] == "approved"
        assert again == once
        assert bank.counts(once.body["reference"])[once.body["kind"]] == 1


def test_reference_with_another_body_is_refused(bank: SandboxBank) -> None:
    reference = new_reference()
    first = bank.authorize(reference, 100)
    refused = Response(409, {"error": "reference_reused"})
    assert bank.authorize(reference, 101) == refused
    assert bank.authorize(reference, 100, capture=True) == refused
    assert bank.authorize(reference, 100, number="5555555555554444") == refused
    assert bank.void(first.body["id"], reference) == refused
    assert bank.look_up(reference) == first


def test_forgotten_cvc_does_not_make_it_another_order(bank: SandboxBank) -> None:
    reference = new_reference()
    assert bank.authorize(reference, cvc="123") == bank.authorize(reference, cvc=None)


def test_twenty_callers_with_one_reference_get_one_authorization(bank: SandboxBank) -> None:
    reference = new_reference()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: bank.authorize(reference, capture=True), range(20)))
    assert all(answer == answers[0] for answer in answers)
    assert answers[0].body["status"] == "approved"
    counts = bank.counts(reference)
    assert (counts["authorize"], counts["calls"]["authorize"]) == (1, 20)


def test_racing_refunds_cannot_give_back_more_than_was_captured(bank: SandboxBank) -> None:
    sale = bank.authorize(new_reference(), 100, capture=True).body["id"]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: bank.refund(sale, 30), range(20)))
    assert [answer.body["status"] for answer in answers].count("approved") == 3


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_restart_keeps_answers_bounds_and_tombstones(own_bank: SandboxBank, how: signal.Signals) -> None:
    sale, buried = new_reference(), new_reference()
    answer = own_bank.authorize(sale, 100, capture=True)
    own_bank.refund(answer.body["id"], 60)
    own_bank.tombstone(buried)
    before = own_bank.counts()
    own_bank.stop(how)
    own_bank.start()
    assert own_bank.authorize(sale, 100, capture=True) == answer
    assert own_bank.look_up(sale) == answer
    assert own_bank.refund(answer.body["id"], 60).body["status"] == "declined"
    assert own_bank.authorize(buried).body["decline_code"] == "tombstoned"
    after = own_bank.counts()
    assert (after["authorize"], after["refund"]) == (before["authorize"], before["refund"] + 1)


def test_tombstone_on_an_unknown_reference_refuses_what_arrives_late(bank: SandboxBank) -> None:
    reference = new_reference()
    laid = bank.tombstone(reference)
    assert laid == Response(200, {"reference": reference, "status": "tombstoned"})
    assert bank.look_up(reference) == Response(404, {"error": "unknown_reference", "tombstoned": True})
    late = bank.authorize(reference, capture=True)
    assert (late.body["status"], late.body["decline_code"], late.body["captured"]) == (
        "declined",
        "tombstoned",
        0,
    )
    assert bank.authorize(reference, capture=True) == late
    assert bank.look_up(reference) == late
    assert bank.tombstone(reference) == laid
    counts = bank.counts(reference)
    assert (counts["authorize"], counts["tombstone"], counts["reversal"]) == (0, 1, 0)


def test_tombstone_refuses_late_captures_voids_and_refunds(bank: SandboxBank) -> None:
    sale = bank.authorize(new_reference(), capture=True).body["id"]
    held = bank.authorize(new_reference()).body["id"]
    references = [new_reference() for _ in range(3)]
    for reference in references:
        bank.tombstone(reference)
    late = [
        bank.refund(sale, 1, references[0]),
        bank.capture(held, 1, references[1]),
        bank.void(held, references[2]),
    ]
    assert [answer.body["decline_code"] for answer in late] == ["tombstoned"] * 3
    assert bank.capture(held, 10000).body["status"] == "approved"


@pytest.mark.parametrize("capture", [False, True])
def test_tombstone_reverses_an_approved_authorization(bank: SandboxBank, capture: bool) -> None:
    reference = new_reference()
    authorization = bank.authorize(reference, capture=capture).body["id"]
    reversed_ = bank.tombstone(reference)
    assert reversed_.body["status"] == "voided"
    operation = reversed_.body["operation"]
    assert (operation["status"], operation["decline_code"], operation["captured"]) == (
        "declined",
        "tombstoned",
        0,
    )
    assert bank.tombstone(reference) == reversed_
    assert bank.authorize(reference, capture=capture).body == operation
    assert bank.look_up(reference).body == operation
    assert bank.capture(authorization, 1).body["decline_code"] == "not_allowed"
    assert bank.refund(authorization, 1).body["decline_code"] == "not_allowed"
    counts = bank.counts(reference)
    assert (counts["authorize"], counts["reversal"]) == (1, 1)


def test_tombstone_on_an_authentication_that_is_awaited_ends_it(bank: SandboxBank) -> None:
    reference = new_reference()
    bank.authorize(reference, number="4000002760003184")
    operation = bank.tombstone(reference).body["operation"]
    assert (operation["status"], operation["redirect_url"]) == ("declined", None)


def test_tombstone_on_a_decline_keeps_its_reason(bank: SandboxBank) -> None:
    reference = new_reference()
    declined = bank.authorize(reference, number="4000000000009995")
    for _ in range(2):
        body = bank.tombstone(reference).body
        assert (body["status"], body["operation"]) == ("tombstoned", declined.body)
    assert bank.authorize(reference, number="4000000000009995") == declined


def test_tombstone_never_undoes_what_something_else_rests_on(bank: SandboxBank) -> None:
    sale = bank.authorize(new_reference(), 100, capture=True)
    refund = bank.refund(sale.body["id"], 60)
    for answer in (sale, refund):
        body = bank.tombstone(answer.body["reference"]).body
        assert (body["status"], body["operation"]) == ("done", answer.body)
        assert bank.look_up(answer.body["reference"]) == answer
    assert bank.refund(sale.body["id"], 41).body["status"] == "declined"
    assert bank.refund(sale.body["id"], 40).body["status"] == "approved"


def test_tombstone_against_its_own_order_ends_in_no_money_whoever_is_first(bank: SandboxBank) -> None:
    references = [new_reference() for _ in range(20)]
    with ThreadPoolExecutor(20) as pool:
        sales = [pool.submit(bank.authorize, reference, capture=True) for reference in references]
        burials = [pool.submit(bank.tombstone, reference) for reference in references]
    assert all(future.result().status == 200 for future in (*sales, *burials))
    for reference in references:
        bank.authorize(reference, capture=True)
        assert bank.look_up(reference).body["decline_code"] == "tombstoned"
