"""Fills a card into a processor's request where its adapter left a placeholder. Pure."""

from collections.abc import Mapping
from typing import Any

from core.errors import InvalidRequest
from vault.card import PlainCard

NUMBER = "{{card.number}}"
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
