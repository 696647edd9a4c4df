"""Cardholders who want their money back: opened by cards or on demand, answered, decided, told."""

import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3

from tests.sandbox.bank_process import SandboxBank, new_reference, wait_for

http = urllib3.PoolManager(timeout=10)
CARDS = {
    "4000000000000259": ("fraudulent", "needs_response"),
    "4000000000002685": ("product_not_received", "needs_response"),
    "4000000000001976": ("product_not_received", "warning_needs_response"),
}


@pytest.fixture
def bank(bank: SandboxBank) -> Iterator[SandboxBank]:
    pace(bank, opens_after_seconds=0.2, due_after_seconds=600, decides_after_seconds=0.1)
    yield bank
    bank.clear_faults()


def pace(bank: SandboxBank, **seconds: float) -> None:
    assert bank.call("POST", "/control/disputes/pace", seconds).status == 200


def sale(bank: SandboxBank, number: str = "4242424242424242") -> dict[str, Any]:
    return bank.authorize(new_reference(), number=number, capture=True).body


def disputes(bank: SandboxBank, authorization: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = bank.call("GET", f"/v1/disputes?authorization={authorization}").body[
        "disputes"
    ]
    return found


def opened(bank: SandboxBank, **more: Any) -> dict[str, Any]:
    answer = bank.call("POST", "/control/disputes", {"reference": sale(bank)["reference"], **more})
    assert answer.status == 200, answer.body
    return answer.body


def evidence(
    bank: SandboxBank, dispute: dict[str, Any], text: str, *, submit: bool = True, reference: str = ""
) -> tuple[int, dict[str, Any]]:
    body = {"reference": reference or new_reference(), "submit": submit}
    return bank.call(
        "POST", f"/v1/disputes/{dispute['id']}/evidence", body | {"evidence": {"uncategorized_text": text}}
    )


def state(bank: SandboxBank, dispute: dict[str, Any]) -> str:
    return str(bank.call("GET", f"/v1/disputes/{dispute['id']}").body["status"])


@pytest.mark.parametrize("number", CARDS)
def test_cards_that_are_made_for_it_are_disputed_once(bank: SandboxBank, number: str) -> None:
    authorization = sale(bank, number)["id"]
    wait_for(lambda: bool(disputes(bank, authorization)))
    time.sleep(0.5)
    (found,) = disputes(bank, authorization)
    assert (found["reason"], found["status"], found["amount"]) == (*CARDS[number], 10_000)


def test_what_was_not_captured_is_not_disputed(bank: SandboxBank) -> None:
    held = bank.authorize(new_reference(), number="4000000000000259").body["id"]
    time.sleep(0.5)
    assert disputes(bank, held) == []
    bank.capture(held, 4_000)
    wait_for(lambda: bool(disputes(bank, held)))
    assert disputes(bank, held)[0]["amount"] == 4_000


@pytest.mark.parametrize(
    ("text", "inquiry", "end"),
    [
        ("winning_evidence", False, "won"),
        ("losing_evidence", False, "lost"),
        ("winning_evidence", True, "warning_closed"),
        ("losing_evidence", True, "needs_response"),
    ],
)
def test_evidence_decides(bank: SandboxBank, text: str, inquiry: bool, end: str) -> None:
    dispute = opened(bank, inquiry=inquiry)
    status, body = evidence(bank, dispute, text)
    assert (status, body["submissions"]) == (200, 1)
    assert body["status"] == ("warning_under_review" if inquiry else "under_review")
    wait_for(lambda: state(bank, dispute) == end)


def test_other_evidence_waits_for_a_decision(bank: SandboxBank) -> None:
    dispute = opened(bank)
    evidence(bank, dispute, "They signed for it.")
    time.sleep(0.4)
    assert state(bank, dispute) == "under_review"
    decided = bank.call("POST", f"/control/disputes/{dispute['id']}/decide", {"outcome": "won"})
    assert decided.body["status"] == "won"


def test_who_says_nothing_until_the_due_date_loses(bank: SandboxBank) -> None:
    pace(bank, due_after_seconds=0.3)
    dispute = opened(bank)
    wait_for(lambda: state(bank, dispute) == "lost")
    inquiry = opened(bank, inquiry=True)
    wait_for(lambda: state(bank, inquiry) == "warning_closed")


def test_drafts_add_up_until_they_are_submitted(bank: SandboxBank) -> None:
    dispute = opened(bank)
    body = {"reference": new_reference(), "submit": False, "evidence": {"customer_name": "Ada"}}
    bank.call("POST", f"/v1/disputes/{dispute['id']}/evidence", body)
    _, answer = evidence(bank, dispute, "text")
    assert answer["evidence"] == {"customer_name": "Ada", "uncategorized_text": "text"}
    assert evidence(bank, dispute, "more") == (409, {"error": "not_allowed"})


def test_a_reference_submits_once(bank: SandboxBank) -> None:
    dispute, reference = opened(bank), new_reference()
    evidence(bank, dispute, "They signed.", reference=reference)
    status, again = evidence(bank, dispute, "They signed.", reference=reference)
    assert (status, again["submissions"]) == (200, 1)
    assert evidence(bank, dispute, "Other", reference=reference) == (409, {"error": "reference_reused"})


def test_accepting_loses_and_an_inquiry_can_not_be_accepted(bank: SandboxBank) -> None:
    dispute, inquiry = opened(bank), opened(bank, inquiry=True)
    order = {"reference": new_reference()}
    assert bank.call("POST", f"/v1/disputes/{dispute['id']}/accept", order).body["status"] == "lost"
    other = {"reference": new_reference()}
    assert bank.call("POST", f"/v1/disputes/{inquiry['id']}/accept", other).status == 409


def test_faults_fall_on_disputes_too(bank: SandboxBank) -> None:
    dispute, reference = opened(bank), new_reference()
    bank.fault("error_after", {"kind": "evidence"}, times=1)
    assert evidence(bank, dispute, "They signed.", reference=reference)[0] == 500
    bank.fault("refused", {"kind": "evidence"}, times=1)
    status, answer = evidence(bank, dispute, "They signed.", reference=reference)
    assert (status, answer["submissions"]) == (200, 1), "what was done can't be turned away"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/disputes/dsp_none", None, 404),
        ("POST", "/control/disputes", {"reference": "op_none"}, 404),
        ("POST", "/control/disputes", {"reference": "op_none", "amount": 0}, 400),
        ("POST", "/control/disputes/dsp_none/decide", {"outcome": "won"}, 404),
        ("POST", "/control/disputes/dsp_none/decide", {"outcome": "perhaps"}, 400),
    ],
)
def test_nonsense_is_refused(bank: SandboxBank, method: str, path: str, body: Any, status: int) -> None:
    assert bank.call(method, path, body).status == status


def test_evidence_has_a_limit(bank: SandboxBank) -> None:
    dispute = opened(bank)
    assert evidence(bank, dispute, "x" * 150_001)[0] == 400
    assert evidence(bank, dispute, "x" * 150_000)[0] == 200


def test_what_was_to_come_comes_after_a_crash(own_bank: SandboxBank) -> None:
    pace(own_bank, opens_after_seconds=0.5)
    authorization = sale(own_bank, "4000000000000259")["id"]
    own_bank.stop(signal.SIGKILL)
    time.sleep(0.5)
    own_bank.start()
    wait_for(lambda: bool(disputes(own_bank, authorization)))


def test_those_opened_since_a_moment_are_listed_and_files_are_known_by_their_content(
    bank: SandboxBank,
) -> None:
    dispute = opened(bank)
    assert dispute in bank.call("GET", f"/v1/disputes?since={dispute['created']}").body["disputes"]
    later = bank.call("GET", f"/v1/disputes?since={dispute['created'] + 100}").body["disputes"]
    assert later == []
    assert bank.call("GET", "/v1/disputes?since=yesterday").status == 400
    files = [
        http.request(
            "POST", f"{bank.url}/v1/files", body=content, headers={"Authorization": "Bearer sandbox"}
        )
        for content in (b"%PDF-1", b"%PDF-1", b"%PDF-2", b"x" * 5_000_001)
    ]
    assert [answer.status for answer in files] == [200, 200, 200, 413]
    first, again, other = (answer.json()["id"] for answer in files[:3])
    assert first == again != other
