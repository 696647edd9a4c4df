"""What processors say, made fit to be kept: whatever they send must not stop it from being booked. Pure."""

import json
from dataclasses import fields, replace
from typing import Any, TypeVar

from core.redaction import redact

T = TypeVar("T")

# As long as the columns that show them. What is needed again, the processor's own id, is never cut.
SHOWN = {"decline_code": 60, "authorization_code": 40, "network_transaction_id": 100, "reason": 500}


def cleaned(outcome: T) -> T:
    """The same outcome without NULs, broken Unicode, card numbers and keys, its words cut to what can be kept."""
    changes: dict[str, Any] = {}
    for item in fields(outcome):  # type: ignore[arg-type]
        value = getattr(outcome, item.name)
        if isinstance(value, str):
            changes[item.name] = _text(value)[: SHOWN.get(item.name)]
        elif value and isinstance(value, dict):
            changes[item.name] = json.loads(redact(_text(json.dumps(value, ensure_ascii=False, default=str))))
    return replace(outcome, **changes)  # type: ignore[type-var]


def _text(value: str) -> str:
    without = value.replace("\\u0000", "").replace("\x00", "")
    return without.encode("utf-8", "replace").decode()
