"""Notifications: what is told, how it is signed, what becomes of it when nobody listens, and how it can go wrong."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from sandbox.notifications import pause_seconds
from tests.sandbox.bank_process import (
    RETURNING_CARD,
    Response,
    SandboxBank,
    free_port,
    new_reference,
    wait_for,
)
from tests.sandbox.receiver import Receiver

SECRET = "a-secret-of-bank-and-receiver"


@pytest.fixture(scope="module")
def module_receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def receiver(module_receiver: Receiver) -> Iterator[Receiver]:
    """Answers 204 at once, unless the test says otherwise."""
    yield module_receiver
    module_receiver.statuses.clear()
    module_receiver.delay_seconds = 0.0


@pytest.fixture(scope="module")
def module_bank(tmp_path_factory: pytest.TempPathFactory, module_receiver: Receiver) -> Iterator[SandboxBank]:
    folder = tmp_path_factory.mktemp("bank that notifies")
    bank = SandboxBank(folder, "--notify-url", module_receiver.url, "--notify-secret", SECRET)
    bank.start()
    try:
        yield bank
    finally:
        bank.stop()


def settled(bank: SandboxBank, reference: str) -> list[dict[str, Any]]:
    """All about the reference, once none of it waits."""
    wait_for(lambda: all(one["status"] != "waiting" for one in bank.notifications(reference)))
    return bank.notifications(reference)


def statuses(bank: SandboxBank, reference: str) -> list[str]:
    return [one["status"] for one in bank.notifications(reference)]


def test_notification_names_the_callers_reference_and_is_signed(
    bank: SandboxBank, receiver: Receiver
) -> None:
    reference = new_reference()
    bank.authorize(reference, capture=True)
    wait_for(lambda: bool(receiver.about(reference)))
    (arrived,) = receiver.about(reference)
    assert set(arrived.json) == {"id", "type", "reference", "created"}
    assert arrived.json["id"].startswith("ntf_")
    assert arrived.json["type"] == "authorization.approved"
    assert abs(arrived.json["created"] - time.time()) < 60
    assert arrived.path == "/notifications/sandbox"
    assert arrived.is_signed_with(SECRET)
    assert not arrived.is_signed_with("another")
    (listed,) = settled(bank, reference)
    assert (listed["status"], listed["deliveries"], listed["last_result"]) == ("delivered", 1, "204")


def test_each_operation_is_told_under_its_own_reference(bank: SandboxBank, receiver: Receiver) -> None:
    sale = bank.authorize(new_reference(), capture=True).body
    held, freed = (bank.authorize(new_reference()).body for _ in range(2))
    told = {
        bank.authorize(new_reference(), number="4000000000000002").body[
            "reference"
        ]: "authorization.declined",
        bank.challenge()["reference"]: "authorization.action_required",
        bank.capture(held["id"], 1).body["reference"]: "capture.approved",
        bank.void(freed["id"]).body["reference"]: "authorization.voided",
        bank.refund(sale["id"], 1).body["reference"]: "refund.approved",
    }
    for reference, type_ in told.items():
        settled(bank, reference)
        assert receiver.types(reference) == [type_]


def test_what_moved_nothing_is_not_told(bank: SandboxBank) -> None:
    sale = bank.authorize(new_reference(), capture=True).body["id"]
    for answer in (bank.capture(sale, 1), bank.void(sale), bank.refund(sale, 99999), bank.complete(sale)):
        assert answer.body["status"] == "declined"
        assert bank.notifications(answer.body["reference"]) == []


def test_repeated_order_is_told_once(bank: SandboxBank) -> None:
    reference = new_reference()
    for _ in range(3):
        bank.authorize(reference)
    assert len(settled(bank, reference)) == 1


@pytest.mark.parametrize(("outcome", "word"), [("succeed", "succeeded"), ("fail", "failed")])
def test_end_of_a_challenge_is_told_under_the_authorizations_reference(
    bank: SandboxBank, receiver: Receiver, outcome: str, word: str
) -> None:
    waiting = bank.challenge(capture=True)
    for _ in range(2):
        bank.answer(waiting["redirect_url"], outcome)
    settled(bank, waiting["reference"])
    assert receiver.types(waiting["reference"]) == ["authorization.action_required", f"challenge.{word}"]


def test_void_of_an_open_challenge_is_told_under_both_references(
    bank: SandboxBank, receiver: Receiver
) -> None:
    waiting = bank.challenge()
    void = bank.void(waiting["id"]).body["reference"]
    for reference in (void, waiting["reference"]):
        settled(bank, reference)
        assert receiver.types(reference)[-1] == "authorization.voided"


def test_tombstone_tells_only_of_what_it_undid(bank: SandboxBank, receiver: Receiver) -> None:
    undone, unknown = new_reference(), new_reference()
    bank.authorize(undone)
    for _ in range(2):
        bank.tombstone(undone)
    bank.tombstone(unknown)
    settled(bank, undone)
    assert receiver.types(undone) == ["authorization.approved", "authorization.voided"]
    assert bank.notifications(unknown) == []
    bank.authorize(unknown)
    settled(bank, unknown)
    assert receiver.types(unknown) == ["authorization.declined"]


def test_refund_that_comes_back_is_told(bank: SandboxBank, receiver: Receiver) -> None:
    bank.refunds_fail_after(0.2)
    sale = bank.authorize(new_reference(), number=RETURNING_CARD, capture=True).body["id"]
    refund = bank.refund(sale, 60).body["reference"]
    wait_for(lambda: receiver.types(refund) == ["refund.approved", "refund.failed"])


def test_notification_comes_though_the_answer_did_not(bank: SandboxBank, receiver: Receiver) -> None:
    reference = new_reference()
    bank.fault("drop_after", {"reference": reference}, times=1)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        bank.authorize(reference)
    wait_for(lambda: receiver.types(reference) == ["authorization.approved"])


@pytest.mark.parametrize("status", [500, 404, 302, 400])
def test_anything_but_2xx_is_tried_again_with_the_same_body(
    bank: SandboxBank, receiver: Receiver, status: int
) -> None:
    reference = new_reference()
    receiver.statuses = [status]
    bank.authorize(reference)
    wait_for(lambda: len(receiver.about(reference)) == 2)
    first, second = receiver.about(reference)
    assert first.body == second.body
    assert second.at - first.at >= 1
    (listed,) = settled(bank, reference)
    assert (listed["status"], listed["deliveries"], listed["failures"]) == ("delivered", 1, 0)


def test_pauses_double_to_a_minute_and_the_tenth_try_is_the_last() -> None:
    assert [pause_seconds(failures) for failures in range(1, 11)] == [1, 2, 4, 8, 16, 32, 60, 60, 60, None]


def test_duplicated_is_sent_twice_under_one_id(bank: SandboxBank, receiver: Receiver) -> None:
    bank.notify("duplicated", times=1)
    twice, once = new_reference(), new_reference()
    bank.authorize(twice)
    bank.authorize(once)
    wait_for(lambda: len(receiver.about(twice)) == 2)
    assert receiver.about(twice)[0].body == receiver.about(twice)[1].body
    (listed,) = settled(bank, twice)
    assert (listed["mode"], listed["deliveries"]) == ("duplicated", 2)
    settled(bank, once)
    assert len(receiver.about(once)) == 1


def test_late_is_overtaken(bank: SandboxBank, receiver: Receiver) -> None:
    bank.notify("late", seconds=1, times=1)
    waiting = bank.challenge()
    bank.answer(waiting["redirect_url"], "succeed")
    settled(bank, waiting["reference"])
    late = receiver.about(waiting["reference"])[1]
    assert receiver.types(waiting["reference"]) == ["challenge.succeeded", "authorization.action_required"]
    assert late.at - receiver.about(waiting["reference"])[0].at > 0.5


def test_out_of_order_waits_for_the_next_one(bank: SandboxBank, receiver: Receiver) -> None:
    bank.notify("out_of_order")
    waiting = bank.challenge(capture=True)
    reference = waiting["reference"]
    time.sleep(0.3)
    assert receiver.about(reference) == []
    assert statuses(bank, reference) == ["waiting"]
    bank.answer(waiting["redirect_url"], "succeed")
    wait_for(lambda: len(receiver.about(reference)) == 2)
    assert receiver.types(reference) == ["challenge.succeeded", "authorization.action_required"]
    refund = bank.refund(waiting["id"], 1).body["reference"]
    time.sleep(0.3)
    assert receiver.about(refund) == []


def test_out_of_order_goes_alone_when_no_other_comes_in_time(bank: SandboxBank, receiver: Receiver) -> None:
    bank.authorize(new_reference())
    bank.notify("out_of_order", seconds=0.5, times=1)
    reference = new_reference()
    bank.authorize(reference)
    settled(bank, reference)
    assert len(receiver.about(reference)) == 1


def test_lost_is_never_sent(bank: SandboxBank, receiver: Receiver) -> None:
    bank.notify("lost", times=1)
    lost, told = new_reference(), new_reference()
    bank.authorize(lost)
    bank.authorize(told)
    settled(bank, told)
    assert statuses(bank, lost) == ["lost"]
    assert receiver.about(lost) == []


def test_before_answer_is_there_when_the_answer_comes(bank: SandboxBank, receiver: Receiver) -> None:
    bank.notify("before_answer")
    receiver.delay_seconds = 0.5
    reference = new_reference()
    started = time.monotonic()
    waiting = bank.challenge(reference=reference, capture=True)
    assert receiver.types(reference) == ["authorization.action_required"]
    bank.answer(waiting["redirect_url"], "succeed")
    assert receiver.types(reference) == ["authorization.action_required", "challenge.succeeded"]
    assert time.monotonic() - started >= 1
    time.sleep(0.3)
    assert [one["deliveries"] for one in bank.notifications(reference)] == [1, 1]


def test_answer_that_waits_for_a_deaf_receiver_is_given_after_five_seconds(
    bank: SandboxBank, receiver: Receiver
) -> None:
    bank.notify("before_answer", times=1)
    receiver.delay_seconds = 7
    reference = new_reference()
    started = time.monotonic()
    assert bank.authorize(reference).body["status"] == "approved"
    assert 4.9 <= time.monotonic() - started < 6.5
    receiver.delay_seconds = 0
    (listed,) = settled(bank, reference)
    assert listed["status"] == "delivered"


def test_receiver_that_comes_back_hears_of_everything_after_a_crash_too(tmp_path: Path) -> None:
    port = free_port()
    bank = SandboxBank(tmp_path, "--notify-url", f"http://127.0.0.1:{port}/notifications/sandbox")
    references = [new_reference() for _ in range(20)]
    bank.start()
    try:
        for reference in references:
            bank.authorize(reference)
        wait_for(lambda: bank.notifications(references[0])[0]["failures"] > 0)
        assert "ClientConnectorError" in bank.notifications(references[0])[0]["last_result"]
        bank.stop(signal.SIGKILL)
        receiver = Receiver(port)
        bank.start()
        wait_for(lambda: {one.json["reference"] for one in receiver.arrived} == set(references), 30)
        assert receiver.arrived[0].is_signed_with("sandbox-notifications")
        receiver.close()
    finally:
        bank.stop()


def test_secret_may_come_from_the_environment(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_NOTIFY_SECRET", "from the environment")
    bank = SandboxBank(tmp_path, "--notify-url", receiver.url)
    bank.start()
    try:
        reference = new_reference()
        bank.authorize(reference)
        wait_for(lambda: bool(receiver.about(reference)))
        assert receiver.about(reference)[0].is_signed_with("from the environment")
    finally:
        bank.stop()


def test_bank_that_is_told_of_nobody_notifies_nobody(own_bank: SandboxBank) -> None:
    reference = new_reference()
    own_bank.notify("before_answer")
    assert own_bank.authorize(reference).body["status"] == "approved"
    assert own_bank.notifications(reference) == []


@pytest.mark.parametrize(
    "body",
    [
        {"mode": "shouted"},
        {"mode": "late"},
        {"mode": "late", "seconds": -1},
        {"mode": "lost", "times": 0},
        {"mode": "lost", "colour": "red"},
        {},
    ],
    ids=str,
)
def test_malformed_mode_is_refused(bank: SandboxBank, body: dict[str, Any]) -> None:
    response = bank.call("POST", "/control/notifications", body)
    assert (response.status, response.body["error"]) == (400, "invalid_request")
    assert bank.call("GET", "/control/notifications").body["mode"] == "normal"


def test_mode_is_shown_with_how_often_it_fell(bank: SandboxBank) -> None:
    bank.notify("lost", times=2)
    bank.authorize(new_reference())
    shown = bank.call("GET", "/control/notifications?limit=1").body
    assert (shown["mode"], shown["times"], shown["applied"]) == ("lost", 2, 1)
    assert len(shown["notifications"]) == 1
    assert bank.call(
        "POST", "/control/notifications", {"mode": "normal", "seconds": None, "times": None}
    ) == (Response(200, {"mode": "normal", "seconds": 0.0, "times": None, "applied": 0}))
