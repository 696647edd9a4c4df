"""The gateway's signed calls to its vault: details of a token, a processor's request with the card filled in,
a card passed on unread. Whoever calls this knows no card number."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from core.errors import ServiceUnavailable, TollgateError
from core.http import Answer, ConnectionBroken, Http, NoAnswer, NoConnection
from core.ids import new_id
from core.signing import HEADER, sign
from processors.protocol import NotSent, Unknown

# Reading or writing one row of the vault's database.
ANSWER_SECONDS = 10.0
# The vault gives up on the processor after the order's own time; this much later we give up on the vault.
FORWARD_MARGIN_SECONDS = 3.0
# The vault answers these before it looks for a processor at all.
REFUSED_BEFORE_SENDING = (400, 401, 404, 411, 413)
# What the static tokens are is the vault's business; that there are few of them is ours.
MAX_REMEMBERED = 10_000
# Of the vault's headers, those that mean something to an SDK.
CLIENT_HEADERS = ("Content-Type", "Idempotent-Replayed", "Stripe-Should-Retry", "Retry-After")
TOKEN_ID = re.compile(r"[A-Za-z0-9_]{1,64}")


class VaultUnavailable(ServiceUnavailable):
    """The vault gave no answer. A repeat, under the same Idempotency-Key where there is one, is harmless."""

    def __init__(self) -> None:
        super().__init__("Card details can't be reached at the moment. Try again.")


@dataclass(frozen=True, slots=True)
class TokenDetails:
    """A card as far as the gateway may know it. `card_id` is the `card_` or `pm_` id to show for it."""

    id: str
    livemode: bool
    used: bool
    static: bool
    card_id: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    fingerprint: str
    funding: str
    country: str | None
    cvc_check: str | None
    billing_details: Mapping[str, Any]
    # Stripe's `token` or `payment_method` object.
    object: Mapping[str, Any]
    # Its first six digits; empty for cards that were taken in before the vault kept them.
    bin: str = ""
    # Of the browser that handed it in; empty where a server did, or nobody knows.
    client_ip: str = ""


@dataclass(frozen=True, slots=True)
class ForwardRequest:
    """A processor's request. In `body`, `{{card.number}}`, `{{card.exp_month}}`, `{{card.exp_year}}` and
    `{{card.cvc}}` stand for the card, each at most once. It is sent as JSON, or as a form where the headers'
    Content-Type says so. `reference` is what the token is spent on, a payment: every call for it may use the token.
    `keep_code` is for a call after which another one needs the security code, or may.
    """

    token: str
    merchant: str
    livemode: bool
    reference: str
    method: str
    url: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    timeout_seconds: float
    keep_code: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """The processor's complete answer, without the card. `body` is None when it was not JSON."""

    status: int
    body: Any


@dataclass(frozen=True, slots=True)
class PassedOn:
    """The vault's answer to a card that was passed on, as it is to be given to the client."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str]


class VaultClient:
    """Safe for many threads. Nothing is ever sent twice, but for reads."""

    def __init__(self, base_url: str, shared_secret: str) -> None:
        self._base_url = base_url.rstrip("/")
        self._secret = shared_secret
        self._http = Http()
        self._static: dict[tuple[str, str], TokenDetails] = {}

    def token(self, token_id: str, merchant: str, livemode: bool) -> TokenDetails | None:
        """A merchant's token or payment method, used or not; None where there is none. VaultUnavailable.

        Static ones such as `tok_visa` are remembered, and get a fresh `card_id` each time.
        """
        if not TOKEN_ID.fullmatch(token_id):
            return None
        if not livemode and (known := self._static.get((token_id, merchant))):
            return replace(known, card_id=new_id(known.card_id.partition("_")[0]))
        path = f"/internal/tokens/{token_id}?merchant={merchant}&livemode={livemode:d}"
        response = self._read(path)
        if response.status == 404:
            return None
        if response.status != 200:
            raise VaultUnavailable
        details = _details(msgspec.json.decode(response.content), livemode)
        if details.static:
            if len(self._static) >= MAX_REMEMBERED:
                self._static.clear()
            self._static[token_id, merchant] = details
        return details

    def forward(self, request: ForwardRequest) -> Answered | NotSent | Unknown:
        """One call to the processor. NotSent only where no byte of it can have left; raises nothing."""
        body = msgspec.json.encode(request)
        try:
            response = self._call(
                "POST", "/internal/forward", body, request.timeout_seconds + FORWARD_MARGIN_SECONDS
            )
        except NoConnection as error:
            return NotSent(f"The vault could not be reached ({error}).", "vault_unavailable")
        except NoAnswer as error:
            return Unknown(f"The vault gave no answer ({error}).")
        if response.status in REFUSED_BEFORE_SENDING:
            return NotSent(f"The vault refused the order: {_message(response.content)}", "vault_refused")
        return _outcome(response.status, response.content)

    def push_publishable_key(
        self,
        *,
        key_hash: str,
        merchant: str,
        livemode: bool,
        revoked: bool,
        expires_at: int | None = None,
        origins: Sequence[str] = (),
        version: int = 0,
    ) -> None:
        """Tells the vault of a publishable key by its SHA-256; once or often. VaultUnavailable.

        `expires_at` is in Unix seconds, for a key that was rolled. A revoked key never comes back. Pages of `origins`
        may bring cards with it, as of `version`: a lower one that comes later changes nothing.
        """
        notice = {
            "hash": key_hash,
            "merchant": merchant,
            "livemode": livemode,
            "revoked": revoked,
            "expires_at": expires_at,
            "origins": list(origins),
            "version": version,
        }
        try:
            response = self._call(
                "POST", "/internal/publishable_keys", msgspec.json.encode(notice), ANSWER_SECONDS
            )
        except (NoConnection, NoAnswer) as error:
            raise VaultUnavailable from error
        if response.status != 200:
            raise TollgateError(f"The vault refused a publishable key: {_message(response.content)}")

    def tokenize_passthrough(
        self,
        *,
        path: str,
        merchant: str,
        livemode: bool,
        body: bytes,
        content_type: str,
        idempotency_key: str,
        client_ip: str,
    ) -> PassedOn:
        """Passes a card on, unread, to the vault's own path of that name. VaultUnavailable."""
        mode = f"{livemode:d}"
        headers = {
            "Content-Type": content_type,
            "Tollgate-Merchant": merchant,
            "Tollgate-Livemode": mode,
            "Tollgate-Client-Ip": client_ip,
        }
        if idempotency_key:
            headers["Idempotency-Key"] = idempotency_key
        context = "\n".join((merchant, mode, client_ip, idempotency_key, content_type))
        try:
            response = self._call("POST", path, body, ANSWER_SECONDS, headers=headers, context=context)
        except (NoConnection, NoAnswer) as error:
            raise VaultUnavailable from error
        kept = {name: response.headers[name] for name in CLIENT_HEADERS if name in response.headers}
        return PassedOn(response.status, response.content, kept)

    def _read(self, path: str) -> Answer:
        try:
            try:
                return self._call("GET", path, b"", ANSWER_SECONDS)
            except ConnectionBroken:
                # The vault closed a connection that was idle. A read may be repeated.
                return self._call("GET", path, b"", ANSWER_SECONDS)
        except (NoConnection, NoAnswer) as error:
            raise VaultUnavailable from error

    def _call(
        self,
        method: str,
        path: str,
        body: bytes,
        timeout_seconds: float,
        *,
        headers: Mapping[str, str] | None = None,
        context: str = "",
    ) -> Answer:
        signature = sign(self._secret, method, path, body, context=context)
        return self._http.call(
            method,
            self._base_url + path,
            body=body,
            headers={"Content-Type": "application/json", **(headers or {}), HEADER: signature},
            timeout_seconds=timeout_seconds,
        )


def _details(data: dict[str, Any], livemode: bool) -> TokenDetails:
    card = data["card"]
    return TokenDetails(
        id=data["id"],
        livemode=livemode,
        used=data["used"],
        static=data["static"],
        card_id=card["id"],
        brand=card["brand"],
        last4=card["last4"],
        exp_month=card["exp_month"],
        exp_year=card["exp_year"],
        fingerprint=card["fingerprint"],
        funding=card["funding"],
        country=card["country"],
        cvc_check=card["cvc_check"],
        billing_details=data["billing_details"],
        object=data["object"],
        bin=card.get("bin", ""),
        client_ip=data.get("client_ip") or "",
    )


def _outcome(status: int, content: bytes) -> Answered | NotSent | Unknown:
    """Only the vault's own words count; all else (a crash, a proxy's page) says nothing."""
    try:
        data = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        data = None
    match data:
        case {"result": "answered", "status": int(answered), "body": body} if status == 200:
            return Answered(answered, body)
        case {"result": "not_sent", "reason": str(reason), "code": str(code)} if status == 200:
            return NotSent(reason, code)
        case {"result": "unknown", "reason": str(reason)} if status == 200:
            return Unknown(reason)
        case _:
            return Unknown(f"HTTP {status} instead of the vault's word")


def _message(content: bytes) -> str:
    try:
        match msgspec.json.decode(content):
            case {"error": {"message": str(message)}}:
                return message
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    return "no reason given"
