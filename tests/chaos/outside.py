"""What the banks did, by their own books: each of our references once, money taken and given back, disputes and
payouts."""

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import urllib3

from tests.chaos.rig import Rig
from tests.chaos.shopper import http
from tests.support.bank import Bank

DONE = ("authorize", "complete", "capture", "void", "refund", "payout")
SIGNS = {"sale": 1, "capture": 1, "refund": -1}
# What a payout is after the bank has taken it in.
TAKEN_IN = ("approved", "paid", "failed")
DISPUTED = ("needs_response", "under_review", "lost")


@dataclass
class Deeds:
    """In minor units: what cardholders paid less what they have back, and what merchants were paid out."""

    net_minor: int = 0
    paid_out_minor: int = 0
    successes: Counter[tuple[str, str]] = field(default_factory=Counter)


def what_the_banks_did(rig: Rig, operations: list[dict[str, Any]], disputed: list[dict[str, Any]]) -> Deeds:
    """AssertionError where a bank and our operations differ, or a key had two effects."""
    controls = {"sandbox": Bank(rig.banks[0].url), "sandbox_two": Bank(rig.banks[1].url)}
    completed = {
        one["charge_id"] for one in operations if one["kind"] == "complete" and one["state"] == "succeeded"
    }
    deeds = Deeds()
    for operation in operations:
        # A challenge's end is under the reference that it began with, whether we asked for it or heard of it.
        if operation["kind"] != "complete":
            _count(deeds, operation, controls[operation["processor"]], completed)
    doubled = {key: times for key, times in deeds.successes.items() if times > 1 and key[0]}
    assert not doubled, f"keys that had more than one effect: {doubled}"
    for charge in disputed:
        for dispute in _disputes(controls[charge["processor"]], charge["processor_id"]):
            if dispute["status"] in DISPUTED:
                deeds.net_minor -= dispute["amount"]
    return deeds


def _count(deeds: Deeds, operation: dict[str, Any], bank: Bank, completed: set[int]) -> None:
    counts, said = _asked(bank, operation["public_id"])
    done = sum(counts[kind] for kind in DONE)
    assert done <= 1, f"{operation['public_id']} was done {done} times: {counts}"
    yes = TAKEN_IN if operation["kind"] == "payout" else ("approved",)
    approved = done == 1 and said["status"] in yes and not counts["reversal"]
    ours = operation["state"] == "succeeded" or (
        operation["state"] == "action_required" and operation["charge_id"] in completed
    )
    assert approved == ours, (
        f"{operation['public_id']} ({operation['kind']}) is {operation['state']} here; there {said} {counts}"
    )
    if approved:
        deeds.successes[operation["idempotency_key"], operation["kind"]] += 1
        deeds.net_minor += SIGNS.get(operation["kind"], 0) * operation["amount_minor"]
        deeds.paid_out_minor += operation["amount_minor"] if said["status"] == "paid" else 0


def _asked(bank: Bank, reference: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """How often it did what, and what it says of it. It may be starting again just now."""
    for _ in range(50):
        try:
            return bank.counts(reference), bank.operation(reference) or {"status": "declined"}
        except urllib3.exceptions.HTTPError:
            time.sleep(0.2)
    raise AssertionError("the bank does not come back")


def _disputes(bank: Bank, authorization: str) -> list[dict[str, Any]]:
    path = f"/v1/disputes?authorization={authorization}"
    for _ in range(50):
        try:
            answer = http.request(
                "GET", bank.url + path, headers={"Authorization": "Bearer sandbox"}, timeout=5
            )
        except urllib3.exceptions.HTTPError:
            answer = None
        if answer is not None and answer.status == 200:
            listed: list[dict[str, Any]] = answer.json()["disputes"]
            return listed
        time.sleep(0.2)
    raise AssertionError("the bank does not list its disputes")
