"""A request's key and the fingerprint that tells the same request from another. Pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from core.errors import InvalidRequest
from idempotency.errors import KeyTooLong

MAX_KEY_CHARACTERS = 255
# What `expand` asks for changes how an answer is shown, but Stripe counts it among the parameters; so do we.
_encode = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class Key:
    """What a claim is taken with. `request_id` becomes the `Original-Request` of every replay."""

    merchant_id: int
    livemode: bool
    text: str
    fingerprint: str
    request_id: str

    @property
    def cache_name(self) -> str:
        scope = f"{self.merchant_id}/{int(self.livemode)}/{self.text}"
        return "answer:" + hashlib.sha256(scope.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, whole: what is kept under a key and what a replay gives back, byte for byte."""

    status: int
    body: str
    replayed: bool = False
    original_request: str = ""
    # False for `pending`: the outcome is open, so a retry must ask again.
    final: bool = True


def check_key(text: str) -> str:
    """The header's value. KeyTooLong over 255 characters; InvalidRequest for characters no header may hold."""
    if len(text) > MAX_KEY_CHARACTERS:
        raise KeyTooLong(len(text))
    if not text.isprintable():
        raise InvalidRequest("An Idempotency-Key can hold printable characters only.")
    return text


def fingerprint(path: str, parameters: Mapping[str, Any]) -> str:
    """The same for the same parameters in any order and encoding (form or JSON), hence values as text."""
    return hashlib.sha256(path.encode() + b"\n" + _encode(_as_text(parameters))).hexdigest()


def _as_text(value: Any) -> Any:
    match value:
        case str():
            return value
        case dict():
            return {key: _as_text(item) for key, item in value.items()}
        case list():
            return [_as_text(item) for item in value]
        case bool():
            return "true" if value else "false"
        case None:
            return ""
        case _:
            return str(value)
