"""Test cards whose verdict is always the same, whether a merchant has verdicts enforced in test mode or not. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from risk.engine import Action, Rule


@dataclass(frozen=True, slots=True)
class OfTestCard:
    """See `risk.engine.Rule`. Told by the first and the last digits: no card like it exists in the world, and test
    mode takes no other cards."""

    rule: str
    name: str
    action: Action
    bin: str
    last4: str
    version: int = 1
    live: bool = True
    reads: frozenset[str] = frozenset({"card.bin", "card.last4"})

    def matches(self, facts: Mapping[str, Any]) -> bool:
        card = facts["card"]
        return bool(card["bin"] == self.bin and card["last4"] == self.last4)


RULES = (
    # 4100000000000019
    OfTestCard("test_card_blocked", "The test card that is always blocked", "block", "410000", "0019"),
    # 4000000000009235
    OfTestCard("test_card_reviewed", "The test card that is always reviewed", "review", "400000", "9235"),
)
NAMES = frozenset(rule.rule for rule in RULES)


def rules(merchant_id: int, livemode: bool) -> Sequence[Rule]:
    return () if livemode else RULES
