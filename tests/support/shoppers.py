"""Facts of payments by honest shoppers and by thieves, as decisions store them: made up, and always the same."""

import random
from collections.abc import Iterator
from typing import Any

from risk.facts import neutral

THIEVES_PER_THOUSAND = 40


def shoppers(number: int, *, seed: int = 1) -> Iterator[tuple[dict[str, Any], bool]]:
    """Facts, and whether it was a thief. Thieves pay more, by cards of other countries, from busy addresses; some
    of them look as anybody else."""
    chance = random.Random(seed)
    for _ in range(number):
        thief = chance.random() < THIEVES_PER_THOUSAND / 1000
        shows = thief and chance.random() < 0.85
        facts = neutral()
        country = chance.choice(["DE", "FR", "US"])
        facts["payment"].update(
            amount_base=int(chance.lognormvariate(9.5 if shows else 8, 0.8)),
            currency="eur",
            hour=chance.randrange(24),
            capture=True,
        )
        facts["card"].update(
            brand=chance.choice(["visa", "mastercard"]),
            country=country,
            funding="prepaid" if shows and chance.random() < 0.5 else "credit",
        )
        facts["customer"].update(
            email=f"{chance.random()}@example.com",
            email_domain="example.com",
            ip_country=chance.choice(["NG", "US"]) if shows else country,
        )
        facts["velocity"].update(
            ip_cards_1h=1 + (chance.randrange(8) if shows else int(chance.random() < 0.1)),
            card_attempts_10m=1 + int(chance.random() < 0.05),
        )
        facts["lists"]["vip"] = not thief and chance.random() < 0.05
        yield facts, thief
