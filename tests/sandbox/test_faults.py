"""Each fault does what it says to the caller, and what it says to the books."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import urllib3

from tests.sandbox.bank_process import Response, SandboxBank, new_reference

CUT = (urllib3.exceptions.ProtocolError,)
REFUSED = Response(503, {"error": "not_done"})
BROKEN = Response(500, {"error": "internal_error"})


def done(bank: SandboxBank, reference: str) -> int:
    count: int = bank.counts(reference)["authorize"]
    return count


def test_latency_comes_after_the_work(bank: SandboxBank) -> None:
    reference = new_reference()
    bank.fault("latency", {"kind": "authorize"}, seconds=1)
    with ThreadPoolExecutor(1) as pool:
        started = time.monotonic()
        answer = pool.submit(bank.authorize, reference)
        while bank.look_up(reference).status == 404:
            time.sleep(0.02)
        assert not answer.done()
        assert answer.result().body["status"] == "approved"
    assert 1 <= time.monotonic() - started < 3


def test_latency_range_is_kept(bank: SandboxBank) -> None:
    bank.fault("latency", min_seconds=0.1, max_seconds=0.2)
    for _ in range(5):
        started = time.monotonic()
        bank.look_up("op_nothing")
        assert 0.1 <= time.monotonic() - started < 1


def test_no_answer_does_the_work_and_holds_the_connection(bank: SandboxBank) -> None:
    reference = new_reference()
    bank.fault("no_answer", {"reference": reference, "kind": "authorize"}, times=1)
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        bank.authorize(reference, timeout=0.5)
    assert done(bank, reference) == 1
    assert bank.authorize(reference).body["status"] == "approved"


def test_no_answer_closes_the_connection_in_the_end(bank: SandboxBank) -> None:
    reference = new_reference()
    bank.fault("no_answer", {"reference": reference}, seconds=0.3)
    with pytest.raises(CUT):
        bank.authorize(reference)
    assert done(bank, reference) == 1


def test_drop_does_not_do_the_work(bank: SandboxBank) -> None:
    reference = new_reference()
    bank.fault("drop", {"reference": reference}, times=1)
    with pytest.raises(CUT):
        bank.authorize(reference)
    assert done(bank, reference) == 0
    assert bank.look_up(reference).status == 404


def test_drop_after_does_the_work(bank: SandboxBank) -> None:
    reference = new_reference()
    bank.fault("drop_after", {"reference": reference}, times=1)
    with pytest.raises(CUT):
        bank.authorize(reference)
    assert done(bank, reference) == 1


def test_error_before_does_not_do_the_work(bank: SandboxBank) -> None:
    reference = new_reference()
    bank.fault("error_before", {"reference": reference}, times=1)
    assert bank.authorize(reference) == BROKEN
    assert done(bank, reference) == 0


def test_error_after_does_the_work(bank: SandboxBank) -> None:
    reference = new_reference()
    bank.fault("error_after", {"reference": reference}, times=1)
    assert bank.authorize(reference) == BROKEN
    assert done(bank, reference) == 1
    assert bank.authorize(reference).body["status"] == "approved"


def test_refused_is_turned_away_undone_and_leaves_nothing(bank: SandboxBank) -> None:
    reference = new_reference()
    bank.fault("refused", {"reference": reference}, times=1)
    assert bank.authorize(reference) == REFUSED
    assert done(bank, reference) == 0
    assert bank.look_up(reference) == Response(404, {"error": "unknown_reference", "tombstoned": False})
    assert bank.authorize(reference, 1).body["status"] == "approved"


def test_bank_never_says_of_what_it_has_done_that_it_turned_it_away(bank: SandboxBank) -> None:
    reference = new_reference()
    answer = bank.authorize(reference, capture=True)
    bank.fault("refused")
    assert bank.authorize(reference, capture=True) == answer


def test_refused_falls_on_every_order_and_on_nothing_else(bank: SandboxBank) -> None:
    sale = bank.authorize(new_reference(), capture=True).body["id"]
    bank.fault("refused")
    orders = [bank.authorize(new_reference()), bank.capture(sale, 1), bank.void(sale), bank.refund(sale, 1)]
    assert [*orders, bank.complete(sale)] == [REFUSED] * 5
    assert bank.look_up(new_reference()).status == 404
    assert bank.tombstone(new_reference()).body["status"] == "tombstoned"


def test_fault_of_a_card_falls_on_all_that_follows_it(bank: SandboxBank) -> None:
    reference = new_reference()
    hit = bank.authorize(reference, number="5555555555554444", capture=True).body["id"]
    spared = bank.authorize(new_reference(), capture=True).body["id"]
    refund = bank.refund(hit, 1).body["reference"]
    bank.fault("error_before", {"last4": "4444"})
    assert bank.authorize(new_reference(), number="5555555555554444") == BROKEN
    assert bank.refund(hit, 1) == BROKEN
    assert bank.look_up(reference) == BROKEN
    assert bank.look_up(refund) == BROKEN
    assert bank.tombstone(reference) == BROKEN
    assert bank.authorize(new_reference()).status == 200
    assert bank.refund(spared, 1).status == 200
    assert bank.refund("auth_nobody", 1).status == 200
    assert bank.look_up(new_reference()).status == 404


def test_call_must_match_everything_that_a_fault_names(bank: SandboxBank) -> None:
    reference, number = new_reference(), "5555555555554444"
    match = {"reference": reference, "kind": ["authorize"], "last4": "4444", "share": 1.0}
    bank.fault("refused", match)
    assert bank.call("GET", "/control/faults").body["faults"][0]["match"] == match
    assert bank.authorize(new_reference(), number=number).status == 200
    assert bank.look_up(reference).status == 404
    assert bank.authorize(reference, number=number) == REFUSED
    assert bank.authorize(reference).status == 200


def test_unknown_lookup_denies_what_was_done(bank: SandboxBank) -> None:
    reference = new_reference()
    bank.fault("unknown_lookup", {"reference": reference}, times=1)
    answer = bank.authorize(reference)
    assert bank.look_up(reference) == Response(404, {"error": "unknown_reference"})
    assert bank.look_up(reference) == answer


def test_late_arrival_is_unknown_until_it_arrives(bank: SandboxBank) -> None:
    reference = new_reference()
    bank.fault("late_arrival", {"reference": reference}, seconds=0.8)
    started = time.monotonic()
    with pytest.raises(CUT):
        bank.authorize(reference)
    assert bank.look_up(reference).status == 404
    assert done(bank, reference) == 0
    while bank.look_up(reference).status == 404:
        assert time.monotonic() - started < 10
        time.sleep(0.05)
    assert time.monotonic() - started >= 0.8
    assert done(bank, reference) == 1


def test_late_arrival_behind_a_resent_order_does_nothing(bank: SandboxBank) -> None:
    reference = new_reference()
    bank.fault("late_arrival", {"reference": reference}, seconds=0.3, times=1)
    with pytest.raises(CUT):
        bank.authorize(reference, capture=True)
    answer = bank.authorize(reference, capture=True)
    time.sleep(0.6)
    assert bank.look_up(reference) == answer
    assert done(bank, reference) == 1


def test_late_arrival_behind_a_tombstone_is_refused(bank: SandboxBank) -> None:
    reference = new_reference()
    bank.fault("late_arrival", {"reference": reference, "kind": "authorize"}, seconds=0.3)
    with pytest.raises(CUT):
        bank.authorize(reference, capture=True)
    assert bank.tombstone(reference).body["status"] == "tombstoned"
    time.sleep(0.6)
    assert bank.look_up(reference).body["decline_code"] == "tombstoned"
    assert done(bank, reference) == 0


def test_order_that_arrives_after_the_void_by_its_reference_leaves_no_challenge_either(
    bank: SandboxBank,
) -> None:
    reference = new_reference()
    bank.fault("late_arrival", {"reference": reference, "kind": "authorize"}, seconds=0.3)
    with pytest.raises(CUT):
        bank.authorize(reference, number="4000002760003184", capture=True)
    assert bank.tombstone(reference).body["status"] == "tombstoned"
    while bank.look_up(reference).status == 404:
        time.sleep(0.05)
    late = bank.look_up(reference).body
    assert (late["decline_code"], late["redirect_url"]) == ("tombstoned", None)
    assert bank.page(f"{bank.url}/challenge/{late['id']}").status == 404


def test_fault_matches_only_its_reference_and_kind(bank: SandboxBank) -> None:
    hit, spared = new_reference(), new_reference()
    bank.fault("error_before", {"reference": hit, "kind": ["authorize", "refund"]})
    assert bank.authorize(hit) == BROKEN
    assert bank.authorize(spared).status == 200
    assert bank.look_up(hit).status == 404
    assert bank.tombstone(hit).status == 200


def test_fault_without_a_match_falls_on_every_call(bank: SandboxBank) -> None:
    bank.fault("error_before")
    assert bank.authorize(new_reference()) == BROKEN
    assert bank.tombstone(new_reference()) == BROKEN
    assert bank.look_up("op_nothing") == BROKEN


def test_share_falls_on_about_that_share(bank: SandboxBank) -> None:
    bank.fault("error_before", {"share": 0.5})
    broken = [bank.look_up("op_nothing") == BROKEN for _ in range(200)].count(True)
    # Six standard deviations: it fails by chance once in a thousand million runs.
    assert 57 <= broken <= 143
    bank.clear_faults()
    bank.fault("error_before", {"share": 0.0})
    assert bank.look_up("op_nothing").status == 404


def test_fault_is_used_up_and_tells_how_often_it_fell(bank: SandboxBank) -> None:
    fault = bank.fault("error_before", times=2)
    assert [bank.look_up("op_nothing").status for _ in range(3)] == [500, 500, 404]
    (listed,) = bank.call("GET", "/control/faults").body["faults"]
    assert (listed["id"], listed["applied"], listed["times"]) == (fault, 2, 2)


def test_newest_fault_wins_and_latency_is_added(bank: SandboxBank) -> None:
    bank.fault("latency", seconds=0.3)
    bank.fault("drop")
    newest = bank.fault("error_after")
    started = time.monotonic()
    assert bank.look_up("op_nothing") == BROKEN
    assert time.monotonic() - started >= 0.3
    assert bank.call("DELETE", f"/control/faults/{newest}").status == 200
    with pytest.raises(CUT):
        bank.look_up("op_nothing")
    assert bank.call("DELETE", f"/control/faults/{newest}").body == {"error": "unknown_fault"}


@pytest.mark.parametrize(
    "body",
    [
        {"fault": "flood"},
        {"fault": "latency"},
        {"fault": "late_arrival"},
        {"fault": "latency", "seconds": -1},
        {"fault": "latency", "min_seconds": 2, "max_seconds": 1},
        {"fault": "drop", "times": 0},
        {"fault": "drop", "match": {"share": 1.1}},
        {"fault": "drop", "match": {"kind": "wire"}},
        {"fault": "drop", "match": {"references": "op_1"}},
        {"fault": "drop", "match": {"last4": "42424242"}},
        {"fault": "drop", "match": {"last4": 4242}},
        {"fault": "drop", "colour": "red"},
    ],
    ids=str,
)
def test_malformed_fault_is_refused(bank: SandboxBank, body: dict[str, Any]) -> None:
    response = bank.call("POST", "/control/faults", body)
    assert (response.status, response.body["error"]) == (400, "invalid_request")
    assert bank.call("GET", "/control/faults").body == {"faults": []}
