"""Sends a processor's request with the card filled in, and brings back the answer with the card taken out."""

import logging
import re
from typing import Any
from urllib.parse import urlsplit

import msgspec
from django.conf import settings
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from core.errors import InvalidRequest, ServiceUnavailable
from core.faults import fault_point
from core.trail import note
from vault.cvc_store import forget_cvc, forget_cvc_soon
from vault.placeholders import JSON, check_encoding, check_placeholders, encode, fill, values_of
from vault.scrubbing import scrub
from vault.sending import Answered, NotSent, Outcome, send
from vault.services.spending import NotSpendable, give_back, spend

MAX_SECONDS = 120.0
METHODS = ("POST", "PUT", "PATCH")
REFERENCE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
# These describe the message itself, which is written here.
OUR_HEADERS = {"host", "content-length", "transfer-encoding", "connection", "expect", "accept-encoding", "te"}
PORTS = {"http": 80, "https": 443}
# The processor did not take the request in, or does not know what became of it; it may come again.
NOT_FINAL = (408, 409, 425, 429)

before_send = fault_point("vault.before_send")
after_answer = fault_point("vault.after_answer")

log = logging.getLogger("tollgate.vault")


class ForwardOrder(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What the gateway asks for. `reference` is what the token is spent on: a payment, whose every call may use
    it. With `keep_code`, another call of the payment needs the security code too, or may."""

    token: str
    merchant: str
    livemode: bool
    reference: str
    method: str
    url: str
    headers: dict[str, str]
    body: dict[str, Any]
    timeout_seconds: float
    keep_code: bool = False

    @property
    def media_type(self) -> str:
        """How the body is to be written."""
        given = (value for name, value in self.headers.items() if name.lower() == "content-type")
        return next(given, JSON).partition(";")[0].strip().lower()


def forward_card(order: ForwardOrder) -> Outcome:
    """One call to the processor. NotSent only where that is certain; InvalidRequest for an order that makes
    no sense, and then nothing was sent either."""
    _check(order)
    note(token=order.token, payment=order.reference, merchant=order.merchant)
    if not _may_go_to(order.url):
        return NotSent(
            "Cards are not sent to this address: it is not in VAULT_FORWARD_ORIGINS.", "not_allowed"
        )
    try:
        card = spend(order.token, order.reference, merchant=order.merchant, livemode=order.livemode)
    except NotSpendable as error:
        return NotSent(error.message, error.wire_code or "not_spendable")
    before_send()
    outcome = send(
        order.method,
        order.url,
        headers=_headers(order),
        body=encode(order.media_type, fill(order.body, values_of(card))),
        timeout_seconds=order.timeout_seconds,
    )
    after_answer()
    note(to=urlsplit(order.url).netloc, outcome=type(outcome).__name__)
    match outcome:
        case Answered(status, body):
            if status < 500 and status not in NOT_FINAL:
                _forget_code(order)
            return Answered(status, scrub(body, card.number))
        case NotSent():
            give_back(order.token, order.reference)
            return outcome
        case _:
            return outcome


def _check(order: ForwardOrder) -> None:
    if not REFERENCE.fullmatch(order.reference):
        raise InvalidRequest("A reference has 1 to 64 letters, digits, or _ . : -", param="reference")
    if order.method not in METHODS:
        raise InvalidRequest(f"A card goes out by {', '.join(METHODS)}.", param="method")
    if not 0 < order.timeout_seconds <= MAX_SECONDS:
        raise InvalidRequest(f"timeout_seconds is at most {MAX_SECONDS:.0f}.", param="timeout_seconds")
    if len({name.lower() for name in order.headers}) < len(order.headers):
        raise InvalidRequest("A header is given twice.", param="headers")
    for name, value in order.headers.items():
        if not HEADER_NAME.fullmatch(name) or name.lower() in OUR_HEADERS:
            raise InvalidRequest("A header that can't be sent.", param="headers")
        if not (value.isascii() and value.isprintable()):
            raise InvalidRequest(f"The header {name} holds characters that can't be sent.", param="headers")
    check_placeholders(order.body)
    check_encoding(order.media_type, order.body)


def _headers(order: ForwardOrder) -> dict[str, str]:
    if any(name.lower() == "content-type" for name in order.headers):
        return order.headers
    return {"Content-Type": JSON, **order.headers}


def _may_go_to(url: str) -> bool:
    """By the parser that also makes the connection, so that both read the same host."""
    try:
        parts = parse_url(url)
    except LocationParseError:
        return False
    if parts.auth is not None or parts.scheme not in PORTS or not parts.host:
        return False
    origin = (parts.scheme, parts.host.lower(), parts.port or PORTS[parts.scheme])
    return origin in settings.VAULT_FORWARD_ORIGINS


def _forget_code(order: ForwardOrder) -> None:
    forget = forget_cvc_soon if order.keep_code else forget_cvc
    try:
        forget(order.token)
    except ServiceUnavailable:
        log.warning("the security code of %s stays until its time is over", order.token)
