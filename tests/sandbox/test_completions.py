"""A completion asks how a challenge ended; while it is open that is no answer yet, and is not kept."""

import pytest

from tests.sandbox.bank_process import Response, SandboxBank, new_reference


def test_open_challenge_is_still_to_be_answered_and_the_reference_stays_free(bank: SandboxBank) -> None:
    waiting, reference = bank.challenge(capture=True), new_reference()
    asked = bank.complete(waiting["id"], reference=reference)
    assert asked.status == 200
    assert asked.body["status"] == "action_required"
    assert asked.body["redirect_url"] == waiting["redirect_url"]
    assert bank.look_up(reference).status == 404
    assert bank.counts(reference)["complete"] == 0
    bank.answer(waiting["redirect_url"], "succeed")
    assert bank.complete(waiting["id"], reference=reference).body["status"] == "approved"


@pytest.mark.parametrize("capture", [True, False])
def test_passed_challenge_is_told_in_the_words_of_its_authorization(bank: SandboxBank, capture: bool) -> None:
    waiting, reference = bank.challenge(capture=capture), new_reference()
    bank.answer(waiting["redirect_url"], "succeed")
    completed = bank.complete(waiting["id"], reference=reference).body
    found = bank.look_up(waiting["reference"]).body
    assert (completed["id"], completed["reference"], completed["kind"]) == (
        waiting["id"],
        reference,
        "complete",
    )
    assert completed["authorization"] == waiting["id"]
    same = set(found) - {"id", "reference", "kind", "created"}
    assert {name: completed[name] for name in same} == {name: found[name] for name in same}
    assert bank.look_up(reference).body == completed


def test_failed_challenge_is_a_decline(bank: SandboxBank) -> None:
    waiting = bank.challenge()
    bank.answer(waiting["redirect_url"], "fail")
    completed = bank.complete(waiting["id"]).body
    assert (completed["status"], completed["decline_code"]) == ("declined", "authentication_failed")


def test_completion_is_done_once_and_keeps_its_answer(bank: SandboxBank) -> None:
    waiting, reference = bank.challenge(), new_reference()
    bank.answer(waiting["redirect_url"], "succeed")
    first = bank.complete(waiting["id"], reference=reference)
    bank.void(waiting["id"])
    assert bank.complete(waiting["id"], reference=reference) == first
    counts = bank.counts(reference)
    assert (counts["complete"], counts["approved"]["complete"], counts["calls"]["complete"]) == (1, 1, 2)
    refused = bank.complete(waiting["id"], 1, reference=reference)
    assert refused == Response(409, {"error": "reference_reused"})


def test_answer_tells_what_was_done_whatever_was_asked(bank: SandboxBank) -> None:
    waiting = bank.challenge(capture=True)
    bank.answer(waiting["redirect_url"], "succeed")
    completed = bank.complete(waiting["id"], 4000).body
    assert (completed["status"], completed["amount"], completed["captured"]) == ("approved", 10000, 10000)


@pytest.mark.parametrize("passed", [True, False])
def test_voided_authorization_is_completed_no_more(bank: SandboxBank, passed: bool) -> None:
    waiting = bank.challenge()
    if passed:
        bank.answer(waiting["redirect_url"], "succeed")
    bank.void(waiting["id"])
    completed = bank.complete(waiting["id"]).body
    assert (completed["status"], completed["decline_code"], completed["captured"]) == (
        "declined",
        "voided",
        0,
    )


def test_without_a_challenge_there_is_nothing_to_complete(bank: SandboxBank) -> None:
    plain = bank.authorize(new_reference()).body
    for authorization in (plain["id"], "auth_nobody"):
        completed = bank.complete(authorization).body
        assert (completed["status"], completed["decline_code"]) == ("declined", "not_allowed")
    assert set(bank.complete(plain["id"]).body) == {*plain, "authorization"}


def test_tombstone_refuses_a_late_completion_and_leaves_a_done_one(bank: SandboxBank) -> None:
    waiting, late = bank.challenge(), new_reference()
    bank.answer(waiting["redirect_url"], "succeed")
    done = bank.complete(waiting["id"]).body
    assert bank.tombstone(done["reference"]).body == {
        "reference": done["reference"],
        "status": "done",
        "operation": done,
    }
    bank.tombstone(late)
    assert bank.complete(waiting["id"], reference=late).body["decline_code"] == "tombstoned"
