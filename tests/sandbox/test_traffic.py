"""The people of the traffic generator are the same for a seed, labelled, and pay with cards that could exist."""

from collections import Counter
from typing import Any

from sandbox.cards import APPROVES, DECLINES, Card, behaviour, passes_luhn
from sandbox.purses import Tally, table
from sandbox.traffic import HONEST, PATTERNS, TESTING, Town


def test_a_seed_makes_the_same_people_and_another_seed_makes_others() -> None:
    people = Town(7).journeys(60)
    assert people == Town(7).journeys(60) != Town(8).journeys(60)
    assert Counter(one.pattern for one in people).keys() == set(PATTERNS)


def test_cards_pass_luhn_and_their_bank_treats_them_as_they_are_meant() -> None:
    for journey in Town(7).journeys(60):
        for attempt in journey.attempts:
            assert passes_luhn(attempt.card) and attempt.ip.startswith("127.")
            expected = DECLINES if attempt.card[8:12] == "0002" else APPROVES
            assert behaviour(Card(attempt.card, 12, 2040, "123")) == expected


def test_figures_say_who_was_caught_and_who_was_stopped_wrongly() -> None:
    bought: Any = Counter(paid=3, held=1)
    tried: Any = Counter(blocked=3, declined=1)
    tallies = {pattern: Tally() for pattern in PATTERNS}
    tallies[HONEST] = Tally(people=4, stopped_people=1, fates=bought, amount=40, taken=30)
    tallies[TESTING] = Tally(people=1, stopped_people=1, fates=tried, amount=4, taken=0)
    assert table(tallies)[-1] == (
        "Caught: 75.0 % of the attackers' tries. False positives: 25.00 % of honest ones."
    )
