"""3-D Secure: the cardholder's first answer decides, the bank acts on it at once, and every reference says so."""

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.sandbox.bank_process import Response, SandboxBank, new_reference

RETURN_URL = "https://shop.example/return?order=1&x=%20%C3%A4"


@pytest.mark.parametrize("capture", [True, False])
def test_success_takes_the_money_at_once_though_nobody_asks(bank: SandboxBank, capture: bool) -> None:
    waiting = bank.challenge(capture=capture)
    bank.answer(waiting["redirect_url"], "succeed")
    found = bank.look_up(waiting["reference"]).body
    assert (found["status"], found["decline_code"], found["redirect_url"]) == ("approved", None, None)
    assert (found["captured"], found["fee"]) == ((10000, 150) if capture else (0, 0))
    assert found["authorization_code"]
    assert found["network_transaction_id"]
    assert {name: found[name] for name in ("id", "reference", "kind", "created", "amount", "checks")} == {
        name: waiting[name] for name in ("id", "reference", "kind", "created", "amount", "checks")
    }
    counts = bank.counts(waiting["reference"])
    assert (counts["authorize"], counts["approved"]["authorize"]) == (1, 1)


def test_failure_declines_and_takes_nothing(bank: SandboxBank) -> None:
    waiting = bank.challenge(capture=True)
    bank.answer(waiting["redirect_url"], "fail")
    found = bank.look_up(waiting["reference"]).body
    assert (found["status"], found["decline_code"], found["captured"]) == (
        "declined",
        "authentication_failed",
        0,
    )
    assert found["redirect_url"] is None
    assert bank.capture(waiting["id"], 1).body["decline_code"] == "not_allowed"
    assert bank.refund(waiting["id"], 1).body["decline_code"] == "not_allowed"
    assert bank.counts(waiting["reference"])["approved"]["authorize"] == 0


def test_repeated_order_hears_how_its_challenge_ended(bank: SandboxBank) -> None:
    waiting = bank.challenge(return_url=RETURN_URL)
    assert bank.challenge(reference=waiting["reference"], return_url=RETURN_URL) == waiting
    bank.answer(waiting["redirect_url"], "succeed")
    again = bank.authorize(waiting["reference"], number="4000002760003184", more={"return_url": RETURN_URL})
    assert again.body["status"] == "approved"
    assert again == bank.look_up(waiting["reference"])
    assert bank.counts(waiting["reference"])["authorize"] == 1


def test_only_the_first_answer_counts(bank: SandboxBank) -> None:
    for first, second in (("succeed", "fail"), ("fail", "succeed"), ("succeed", "succeed")):
        waiting = bank.challenge(capture=True, return_url=RETURN_URL)
        answers = [bank.answer(waiting["redirect_url"], outcome) for outcome in (first, second)]
        assert [(answer.status, answer.headers["Location"]) for answer in answers] == [(303, RETURN_URL)] * 2
        expected = "approved" if first == "succeed" else "declined"
        assert bank.look_up(waiting["reference"]).body["status"] == expected


def test_opposite_answers_at_once_end_in_one(bank: SandboxBank) -> None:
    for _ in range(5):
        waiting = bank.challenge(capture=True)
        with ThreadPoolExecutor(10) as pool:
            list(pool.map(bank.answer, [waiting["redirect_url"]] * 10, ["succeed", "fail"] * 5))
        found = bank.look_up(waiting["reference"]).body
        assert (found["status"], found["captured"]) in (("approved", 10000), ("declined", 0))
        assert bank.counts(waiting["reference"])["authorize"] == 1


def test_held_money_of_a_passed_challenge_is_captured_voided_and_refunded_as_any_other(
    bank: SandboxBank,
) -> None:
    first, second = bank.challenge(), bank.challenge()
    for waiting in (first, second):
        bank.answer(waiting["redirect_url"], "succeed")
    assert bank.capture(first["id"], 10000).body["status"] == "approved"
    assert bank.refund(first["id"], 4000).body["status"] == "approved"
    assert bank.void(second["id"]).body["status"] == "approved"


def test_void_ends_an_open_challenge(bank: SandboxBank) -> None:
    waiting = bank.challenge(capture=True, return_url=RETURN_URL)
    void = bank.void(waiting["id"]).body
    assert (void["status"], void["amount"]) == ("approved", 10000)
    assert bank.void(waiting["id"], void["reference"]).body == void
    found = bank.look_up(waiting["reference"]).body
    assert (found["status"], found["decline_code"], found["redirect_url"]) == ("declined", "voided", None)
    answer = bank.answer(waiting["redirect_url"], "succeed")
    assert (answer.status, "Location" in answer.headers) == (409, False)
    assert "was cancelled" in answer.text
    assert bank.look_up(waiting["reference"]).body == found


def test_tombstone_ends_an_open_challenge_for_good(bank: SandboxBank) -> None:
    waiting = bank.challenge(capture=True)
    assert bank.tombstone(waiting["reference"]).body["status"] == "voided"
    assert bank.answer(waiting["redirect_url"], "succeed").status == 409
    found = bank.look_up(waiting["reference"]).body
    assert (found["status"], found["decline_code"], found["captured"]) == ("declined", "tombstoned", 0)
    assert bank.complete(waiting["id"]).body["status"] == "declined"
    assert bank.void(waiting["id"]).body["status"] == "declined"


def test_tombstone_after_success_gives_the_money_back(bank: SandboxBank) -> None:
    waiting = bank.challenge(capture=True)
    bank.answer(waiting["redirect_url"], "succeed")
    assert bank.tombstone(waiting["reference"]).body["status"] == "voided"
    assert bank.look_up(waiting["reference"]).body["captured"] == 0
    assert bank.counts(waiting["reference"])["reversal"] == 1


def test_captured_by_its_challenge_it_cannot_be_voided(bank: SandboxBank) -> None:
    waiting = bank.challenge(capture=True)
    bank.answer(waiting["redirect_url"], "succeed")
    assert bank.void(waiting["id"]).body["decline_code"] == "not_allowed"


def test_void_against_success_leaves_no_doubt_whoever_is_first(bank: SandboxBank) -> None:
    for _ in range(10):
        waiting = bank.challenge(capture=True)
        with ThreadPoolExecutor(2) as pool:
            answered = pool.submit(bank.answer, waiting["redirect_url"], "succeed")
            voided = pool.submit(bank.void, waiting["id"])
        answered.result()
        found = bank.look_up(waiting["reference"]).body
        assert (voided.result().body["status"], found["status"], found["captured"]) in (
            ("approved", "declined", 0),
            ("declined", "approved", 10000),
        )


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_restart_keeps_open_challenges_and_their_ends(own_bank: SandboxBank, how: signal.Signals) -> None:
    passed, waiting = own_bank.challenge(capture=True), own_bank.challenge(capture=True)
    own_bank.answer(passed["redirect_url"], "succeed")
    answer = own_bank.look_up(passed["reference"])
    own_bank.stop(how)
    own_bank.start()
    assert own_bank.look_up(passed["reference"]) == answer
    assert own_bank.look_up(waiting["reference"]).body == waiting
    own_bank.answer(waiting["redirect_url"], "succeed")
    assert own_bank.look_up(waiting["reference"]).body["captured"] == 10000


@pytest.mark.parametrize(
    "url",
    [
        "ftp://shop.example/",
        "javascript:alert(1)",
        "//shop.example",
        "http://",
        "https:///path",
        "http://a b/",
        "https://shop.example/\r\nSet-Cookie: a=b",
        "https://shop.example/é",
        "https://s.example/" + "x" * 2000,
        7,
    ],
    ids=lambda url: str(url)[:30],
)
def test_return_url_that_is_none_is_refused(bank: SandboxBank, url: object) -> None:
    refused = bank.authorize(new_reference(), more={"return_url": url})
    assert (refused.status, refused.body["error"]) == (400, "invalid_request")


def test_return_url_is_part_of_the_order(bank: SandboxBank) -> None:
    reference = new_reference()
    first = bank.authorize(reference, more={"return_url": RETURN_URL})
    assert bank.authorize(reference, more={"return_url": RETURN_URL}) == first
    assert bank.authorize(reference) == Response(409, {"error": "reference_reused"})
    other = bank.authorize(reference, more={"return_url": "https://shop.example/elsewhere"})
    assert other == Response(409, {"error": "reference_reused"})


@pytest.mark.parametrize("url", [None, ""])
def test_no_return_url_may_be_said_in_two_ways(bank: SandboxBank, url: str | None) -> None:
    reference = new_reference()
    assert bank.authorize(reference, more={"return_url": url}) == bank.authorize(reference)
