"""`expand[]`: ids in an answer are replaced by the objects they name. The table says what may be expanded."""

from collections.abc import Callable, Sequence
from typing import Any

from core.errors import InvalidRequest
from merchants.auth import Caller
from payments import queries, serializers

MAX_DEPTH = 4
# object → property → the object it names; None for those that are never set here, and so stay null.
PROPERTIES: dict[str, dict[str, str | None]] = {
    "charge": {
        "balance_transaction": "balance_transaction",
        "payment_intent": "payment_intent",
        "refunds": "refunds",
        "customer": None,
        "failure_balance_transaction": None,
        "on_behalf_of": None,
        "review": "review",
    },
    "refund": {
        "charge": "charge",
        "payment_intent": "payment_intent",
        "balance_transaction": "balance_transaction",
        "failure_balance_transaction": "balance_transaction",
    },
    "review": {"charge": "charge", "payment_intent": "payment_intent"},
    "dispute": {"charge": "charge", "payment_intent": "payment_intent"},
    "checkout.session": {"payment_intent": "payment_intent", "line_items": None, "customer": None},
    "payment_intent": {"latest_charge": "charge", "customer": None, "review": "review"},
    "balance_transaction": {"source": "charge or refund"},
    "payout": {
        "balance_transaction": "balance_transaction",
        "failure_balance_transaction": "balance_transaction",
        "destination": "bank_account",
        "original_payout": None,
        "reversed_by": None,
    },
    "refunds": {"data": "refund"},
    "charge or refund": {"balance_transaction": "balance_transaction", "payment_intent": "payment_intent"},
}


# Whose permission it takes to see such an object.
RESOURCES: dict[str, tuple[str, ...]] = {
    "charge": ("charges",),
    "refund": ("refunds",),
    "refunds": ("refunds",),
    "payment_intent": ("payment_intents",),
    "balance_transaction": ("balance",),
    "review": ("reviews",),
    "bank_account": ("payouts",),
    "charge or refund": ("charges", "disputes", "payouts", "refunds"),
}


def check_paths(kind: str, paths: Sequence[str], *, listed: bool = False) -> set[str]:
    """Every path leads from an object of that kind (or from `data` of a list) through what can be expanded. Of which
    resources that shows objects."""
    shown: set[str] = set()
    for path in paths:
        steps = path.split(".")
        if listed:
            if steps[0] != "data":
                raise _refusal(path)
            steps = steps[1:]
        if not steps or len(steps) > MAX_DEPTH:
            raise _refusal(path)
        place: str | None = kind
        for step in steps:
            known = PROPERTIES.get(place or "", {})
            if step not in known:
                raise _refusal(path)
            place = known[step]
            if place is not None:
                shown.update(RESOURCES[place])
    return shown


def expand(shown: dict[str, Any], paths: Sequence[str], caller: Caller) -> dict[str, Any]:
    """The same object with the checked paths expanded."""
    for path in paths:
        _expand(shown, path.split("."), caller)
    return shown


def _expand(shown: Any, steps: list[str], caller: Caller) -> None:
    if not steps or shown is None:
        return
    if isinstance(shown, list):
        for item in shown:
            _expand(item, steps, caller)
        return
    step, rest = steps[0], steps[1:]
    if step == "refunds":
        shown["refunds"] = shown.get("refunds") or _refunds(caller, shown["id"])
    elif isinstance(shown.get(step), str):
        shown[step] = _object(caller, shown[step])
    _expand(shown.get(step), rest, caller)


def _object(caller: Caller, public_id: str) -> dict[str, Any]:
    prefix = public_id.partition("_")[0]
    return LOADERS[prefix](caller, public_id)


def _charge(caller: Caller, public_id: str) -> dict[str, Any]:
    row = queries.charge(caller, public_id)
    return serializers.charge(row, refunded_minor=queries.refunded_minor(row))


def _refund(caller: Caller, public_id: str) -> dict[str, Any]:
    return serializers.refund(queries.refund(caller, public_id))


def _dispute(caller: Caller, public_id: str) -> dict[str, Any]:
    row = queries.dispute(caller, public_id)
    return serializers.dispute(row, queries.balances_of_disputes([row])[row.pk])


def _payment_intent(caller: Caller, public_id: str) -> dict[str, Any]:
    row = queries.payment_intent(caller, public_id)
    return serializers.payment_intent(row, latest_charge=queries.latest_charge(row))


def _balance_transaction(caller: Caller, public_id: str) -> dict[str, Any]:
    return serializers.balance_transaction(queries.balance_transaction(caller, public_id))


def _payout(caller: Caller, public_id: str) -> dict[str, Any]:
    return serializers.payout(queries.payout(caller, public_id))


def _bank_account(caller: Caller, public_id: str) -> dict[str, Any]:
    return serializers.bank_account(queries.bank_account(caller, public_id))


def _review(caller: Caller, public_id: str) -> dict[str, Any]:
    return serializers.review(queries.review(caller, public_id))


LOADERS: dict[str, Callable[[Caller, str], dict[str, Any]]] = {
    "ch": _charge,
    "re": _refund,
    "dp": _dispute,
    "pi": _payment_intent,
    "po": _payout,
    "ba": _bank_account,
    "prv": _review,
    "txn": _balance_transaction,
}


def _refunds(caller: Caller, charge: str) -> dict[str, Any]:
    """The newest ten, as the nested list's own url pages on."""
    rows = list(queries.refunds(caller).filter(charge__public_id=charge).order_by("-pk")[:11])
    return {
        "object": "list",
        "url": f"/v1/charges/{charge}/refunds",
        "has_more": len(rows) > 10,
        "data": [serializers.refund(row) for row in rows[:10]],
    }


def _refusal(path: str) -> InvalidRequest:
    return InvalidRequest(f"This property cannot be expanded ({path}).", param="expand")
