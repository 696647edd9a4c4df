"""Fills a card into a processor's request where its adapter left a placeholder, and writes the request down as
JSON or as a form. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec

from core.errors import InvalidRequest
from vault.card import PlainCard

NUMBER = "{{card.number}}"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
# Nothing a processor takes is nested deeper.
MAX_DEPTH = 16


def values_of(card: PlainCard) -> Mapping[str, str | int | None]:
    """What each placeholder stands for. Integers stay integers; a code that is gone is null."""
    return {
        NUMBER: card.number,
        "{{card.exp_month}}": card.exp_month,
        "{{card.exp_year}}": card.exp_year,
        "{{card.cvc}}": card.cvc,
    }


def check_placeholders(body: Any) -> None:
    """Each placeholder stands at most once: a text that a merchant chose must not become a card number."""
    found = [text for text in _texts(body, 0) if text.startswith("{{card.") and text.endswith("}}")]
    if NUMBER not in found:
        raise InvalidRequest(f"The body needs {NUMBER}: only card requests go through the vault.")
    if len(found) != len(set(found)):
        raise InvalidRequest("Each placeholder may stand in the body once.")


def fill(body: Any, values: Mapping[str, str | int | None]) -> Any:
    """The body with every text that is a placeholder replaced, as a new value."""
    match body:
        case dict():
            return {key: fill(item, values) for key, item in body.items()}
        case list():
            return [fill(item, values) for item in body]
        case str():
            return values.get(body, body)
        case _:
            return body


def check_encoding(media_type: str, body: Mapping[str, Any]) -> None:
    """Before a card is filled in: whether `encode` will be able to write this."""
    if media_type not in (JSON, FORM):
        raise InvalidRequest(f"A card goes out as {JSON} or as {FORM}.", param="headers")
    if media_type == FORM:
        list(_fields(body, ""))


def encode(media_type: str, body: Mapping[str, Any]) -> bytes:
    """The filled body as JSON, or as a form with brackets: `card[number]=…&items[0]=…`; null is left out."""
    if media_type == FORM:
        return urlencode(list(_fields(body, ""))).encode()
    return msgspec.json.encode(body)


def _fields(value: Any, name: str) -> Iterator[tuple[str, str]]:
    match value:
        case dict():
            for key, item in value.items():
                if "[" in key or "]" in key:
                    # It would be read as another field than the one it is.
                    raise InvalidRequest("A name in a form can't hold brackets.")
                yield from _fields(item, f"{name}[{key}]" if name else key)
        case list():
            for index, item in enumerate(value):
                yield from _fields(item, f"{name}[{index}]")
        case None:
            pass
        case bool():
            yield name, "true" if value else "false"
        case int() | str():
            yield name, str(value)
        case _:
            raise InvalidRequest("A form holds text, integers and flags.")


def _texts(body: Any, depth: int) -> list[str]:
    if depth > MAX_DEPTH:
        raise InvalidRequest(f"The body is nested more than {MAX_DEPTH} deep.")
    match body:
        case dict():
            return [text for item in body.values() for text in _texts(item, depth + 1)]
        case list():
            return [text for item in body for text in _texts(item, depth + 1)]
        case str():
            return [body]
        case _:
            return []
