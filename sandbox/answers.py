"""The JSON that the bank answers with, one function per kind of operation. Pure."""

from typing import Any

from sandbox import bank
from sandbox.bank import Authorization, checks, fee_minor
from sandbox.orders import Authorize, Capture, Complete, Order, PayOut, Refund, Void

Answer = dict[str, Any]
# What every answer begins with; the desk writes it.
HEADER = ("id", "reference", "kind", "created")


def authorized(
    order: Authorize,
    authorization: Authorization,
    decline_code: str | None,
    *,
    codes: tuple[str, str],
    url: str,
) -> Answer:
    """`codes` are the authorization code and the network's transaction id; only an approval shows them."""
    approved = authorization.state == "approved"
    return {
        "status": authorization.state,
        "amount": order.amount_minor,
        "currency": order.currency,
        "captured": authorization.captured_minor,
        "authorization_code": codes[0] if approved else None,
        "network_transaction_id": codes[1] if approved else None,
        "decline_code": decline_code,
        "checks": checks(order.card),
        "redirect_url": url if authorization.state == "action_required" else None,
        "fee": fee_minor(authorization.captured_minor),
        "scenario": authorization.scenario,
    }


def authenticated(answer: Answer, authorization: Authorization, codes: tuple[str, str]) -> Answer:
    """An authorization's answer once its challenge was passed."""
    return answer | {
        "status": "approved",
        "captured": authorization.captured_minor,
        "authorization_code": codes[0],
        "network_transaction_id": codes[1],
        "redirect_url": None,
        "fee": fee_minor(authorization.captured_minor),
    }


def challenge_ended(answer: Answer, decline_code: str) -> Answer:
    """An authorization's answer once its challenge ended without success."""
    return answer | {"status": "declined", "decline_code": decline_code, "redirect_url": None}


def completed(order: Complete, authorization: Authorization | None, answer: Answer | None) -> Answer:
    """What the authorization says, under the completion's reference. `answer` is None where it had no challenge:
    then there is nothing to complete."""
    if authorization is None or answer is None:
        return _not_completed(order, bank.NOT_ALLOWED)
    said = {name: value for name, value in answer.items() if name not in HEADER}
    if authorization.state == "voided":
        nothing = {"status": "declined", "captured": 0, "decline_code": bank.VOIDED, "fee": 0}
        return said | nothing | {"authorization": authorization.id}
    return said | {"authorization": authorization.id}


def followed(
    order: Capture | Void | Refund, authorization: Authorization | None, decline_code: str | None
) -> Answer:
    """A void's amount is what it set free."""
    answer: Answer = {
        "status": "declined" if decline_code else "approved",
        "authorization": order.authorization,
        "currency": authorization.currency if authorization else None,
        "decline_code": decline_code,
        "scenario": authorization.scenario if authorization else None,
    }
    match order:
        case Capture():
            return answer | {
                "amount": order.amount_minor,
                "fee": 0 if decline_code else fee_minor(order.amount_minor),
            }
        case Refund():
            return answer | {"amount": order.amount_minor, "failure_reason": None}
        case Void():
            return answer | {"amount": authorization.amount_minor if authorization else 0}


def refused(order: Order, decline_code: str) -> Answer:
    """An order that arrived behind its tombstone; every field is there, as in any other decline."""
    match order:
        case Authorize():
            return {
                "status": "declined",
                "amount": order.amount_minor,
                "currency": order.currency,
                "captured": 0,
                "authorization_code": None,
                "network_transaction_id": None,
                "decline_code": decline_code,
                "checks": checks(order.card),
                "redirect_url": None,
                "fee": 0,
                "scenario": None,
            }
        case Complete():
            return _not_completed(order, decline_code)
        case PayOut():
            return paid_out(order, decline_code)
        case Capture() | Void() | Refund():
            return followed(order, None, decline_code)


def paid_out(order: PayOut, decline_code: str | None) -> Answer:
    """`scenario` is the account number, which decides what becomes of it."""
    return {
        "status": "declined" if decline_code else "approved",
        "amount": order.amount_minor,
        "currency": order.currency,
        "decline_code": decline_code,
        "failure_reason": None,
        "scenario": order.account_number,
    }


def refund_failed(answer: Answer) -> Answer:
    return answer | {"status": "failed", "failure_reason": bank.REFUND_CAME_BACK}


def reversed_by_tombstone(answer: Answer, decline_code: str) -> Answer:
    """What an approved authorization says after its tombstone: final, and no money, whoever asks again."""
    return answer | {
        "status": "declined",
        "captured": 0,
        "decline_code": decline_code,
        "redirect_url": None,
        "fee": 0,
        "reversed": True,
    }


def _not_completed(order: Complete, decline_code: str) -> Answer:
    return {
        "status": "declined",
        "authorization": order.authorization,
        "amount": order.amount_minor,
        "currency": None,
        "captured": 0,
        "authorization_code": None,
        "network_transaction_id": None,
        "decline_code": decline_code,
        "checks": {},
        "redirect_url": None,
        "fee": 0,
        "scenario": None,
    }
