"""The bank's rules, seen from outside: what may be captured, voided and refunded, and what never."""

from typing import Any

import pytest

from tests.sandbox.bank_process import Response, SandboxBank, card, new_reference

DECLINED = ("declined", "not_allowed")


def verdict(response: Response) -> tuple[str, str | None]:
    assert response.status == 200, response.body
    return response.body["status"], response.body["decline_code"]


def approved_id(bank: SandboxBank, amount: int = 10000, *, capture: bool = False) -> str:
    authorization_id: str = bank.authorize(new_reference(), amount, capture=capture).body["id"]
    return authorization_id


def books(bank: SandboxBank, authorization: str) -> tuple[str, int, int]:
    listed = bank.call("GET", "/control/operations?limit=1000").body["operations"]
    (row,) = [row for row in listed if row["id"] == authorization]
    return row["state"], row["captured_now"], row["refunded_now"]


def test_sale_is_captured_at_once_and_names_its_fee(bank: SandboxBank) -> None:
    reference = new_reference()
    body = bank.authorize(reference, 10000, capture=True).body
    assert body["id"].startswith("auth_")
    assert body["authorization_code"]
    assert body["network_transaction_id"]
    shown = {
        name: body[name] for name in ("reference", "kind", "status", "amount", "currency", "captured", "fee")
    }
    assert shown == {
        "reference": reference,
        "kind": "authorize",
        "status": "approved",
        "amount": 10000,
        "currency": "usd",
        "captured": 10000,
        "fee": 150,
    }


@pytest.mark.parametrize(
    ("amount", "fee"), [(1, 0), (33, 0), (34, 1), (100, 2), (10000, 150), (99999999, 1500000)]
)
def test_fee_is_one_and_a_half_percent_rounded_half_up(bank: SandboxBank, amount: int, fee: int) -> None:
    assert bank.authorize(new_reference(), amount, capture=True).body["fee"] == fee


def test_authorization_alone_captures_nothing_and_costs_nothing(bank: SandboxBank) -> None:
    body = bank.authorize(new_reference(), 10000).body
    assert (body["status"], body["captured"], body["fee"]) == ("approved", 0, 0)


def test_captures_never_exceed_the_authorization(bank: SandboxBank) -> None:
    authorization = approved_id(bank, 100)
    assert verdict(bank.capture(authorization, 60)) == ("approved", None)
    assert verdict(bank.capture(authorization, 41)) == DECLINED
    assert verdict(bank.capture(authorization, 40)) == ("approved", None)
    assert verdict(bank.capture(authorization, 1)) == DECLINED
    assert books(bank, authorization) == ("approved", 100, 0)


def test_refunds_never_exceed_what_was_captured(bank: SandboxBank) -> None:
    authorization = approved_id(bank, 100)
    assert verdict(bank.refund(authorization, 1)) == DECLINED
    bank.capture(authorization, 80)
    assert verdict(bank.refund(authorization, 60)) == ("approved", None)
    assert verdict(bank.refund(authorization, 60)) == DECLINED
    assert verdict(bank.refund(authorization, 20)) == ("approved", None)
    assert books(bank, authorization) == ("approved", 80, 80)


def test_void_frees_an_authorization_and_nothing_follows_it(bank: SandboxBank) -> None:
    authorization = approved_id(bank, 100)
    void = bank.void(authorization)
    assert verdict(void) == ("approved", None)
    assert (void.body["kind"], void.body["amount"]) == ("void", 100)
    assert verdict(bank.capture(authorization, 1)) == DECLINED
    assert verdict(bank.void(authorization)) == DECLINED
    assert books(bank, authorization) == ("voided", 0, 0)


def test_captured_money_cannot_be_voided(bank: SandboxBank) -> None:
    assert verdict(bank.void(approved_id(bank, capture=True))) == DECLINED


def test_unknown_authorization_is_declined_not_unknown(bank: SandboxBank) -> None:
    assert verdict(bank.capture("auth_nobody", 1)) == DECLINED
    assert verdict(bank.void("auth_nobody")) == DECLINED
    assert verdict(bank.refund("auth_nobody", 1)) == DECLINED


def test_declined_authorization_cannot_be_captured(bank: SandboxBank) -> None:
    declined = bank.authorize(new_reference(), number="4000000000000002").body["id"]
    assert verdict(bank.capture(declined, 1)) == DECLINED


BAD_BODIES: list[dict[str, Any]] = [
    {"amount": 0},
    {"amount": -1},
    {"amount": 1.5},
    {"amount": "100"},
    {"amount": True},
    {"currency": "USD"},
    {"currency": None},
    {"capture": "yes"},
    {"reference": ""},
    {"reference": "x" * 65},
    {"reference": "two\nlines"},
    {"card": None},
    {"card": card("4242424242424241")},
    {"card": card("42")},
    {"card": card(exp_month=13)},
    {"card": card(cvc="12")},
    {"surprise": 1},
]


@pytest.mark.parametrize("change", BAD_BODIES, ids=lambda change: str(next(iter(change.items())))[:40])
def test_malformed_order_is_refused_and_leaves_no_trace(bank: SandboxBank, change: dict[str, Any]) -> None:
    before = bank.counts()
    good: dict[str, Any] = {
        "reference": new_reference(),
        "amount": 100,
        "currency": "usd",
        "capture": True,
        "card": card(),
    }
    response = bank.call("POST", "/v1/authorizations", good | change)
    assert (response.status, response.body["error"]) == (400, "invalid_request")
    assert bank.look_up(good["reference"]).status == 404
    assert bank.counts()["authorize"] == before["authorize"]


def test_only_the_bearer_is_served(bank: SandboxBank) -> None:
    for method, path in (
        ("POST", "/v1/authorizations"),
        ("POST", "/v1/tombstones"),
        ("GET", "/v1/operations/x"),
    ):
        assert bank.call(method, path, {"reference": "x"}, key="wrong").status == 401


def test_unknown_url_is_not_taken_for_an_unknown_reference(bank: SandboxBank) -> None:
    assert bank.call("GET", "/v1/nothing").body == {"error": "not_found"}
    assert bank.look_up("op_nothing").body["error"] == "unknown_reference"
