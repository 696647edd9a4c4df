"""Rules as a test writes them down, and merchants that want their verdicts carried out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from risk import declared, parts
from risk.engine import Action
from risk.models import RiskSettings


@dataclass(frozen=True)
class Written:
    """See `risk.engine.Rule`."""

    action: Action
    when: Callable[[Mapping[str, Any]], bool] = field(default=lambda facts: True)
    live: bool = True
    rule: str = "rr_1"
    version: int = 1
    name: str = "One"
    reads: frozenset[str] = frozenset()

    def matches(self, facts: Mapping[str, Any]) -> bool:
        return self.when(facts)


def write_rules(monkeypatch: pytest.MonkeyPatch, *rules: Written) -> None:
    """These alone hold from now on, for every merchant."""
    monkeypatch.setattr(parts, "RULES", (("written", lambda merchant_id, livemode: rules),))


def enforce(merchant_id: int, *, livemode: bool = False, **changes: Any) -> None:
    """The merchant wants verdicts carried out from now on."""
    RiskSettings.objects.update_or_create(
        merchant_id=merchant_id, livemode=livemode, defaults={"enforced": True} | changes
    )
    declared.forget()
