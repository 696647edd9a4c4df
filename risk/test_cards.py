"""The test card that is blocked before anybody is asked, whether a merchant has verdicts enforced in test mode or
not. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from risk.engine import Action, Rule

# Of 4100000000000019. No card like it exists in the world, and test mode takes no other cards.
BIN, LAST4 = "410000", "0019"


@dataclass(frozen=True, slots=True)
class BlockedTestCard:
    """See `risk.engine.Rule`."""

    rule: str = "test_card"
    version: int = 1
    name: str = "the test card that is always blocked"
    action: Action = "block"
    live: bool = True
    reads: frozenset[str] = frozenset({"card.bin", "card.last4"})

    def matches(self, facts: Mapping[str, Any]) -> bool:
        card = facts["card"]
        return bool(card["bin"] == BIN and card["last4"] == LAST4)


ALWAYS_BLOCKED = BlockedTestCard()


def rules(merchant_id: int, livemode: bool) -> Sequence[Rule]:
    return () if livemode else (ALWAYS_BLOCKED,)
