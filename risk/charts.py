"""What a rule matched, day by day, as plain SVG: bars in the page's own colours. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from risk.back_test import Day

WIDTH, HEIGHT, FOOT = 640, 140, 18
LABELS = 6


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    bad_y: float
    bad_height: float
    words: str


@dataclass(frozen=True, slots=True)
class Chart:
    bars: list[Bar]
    labels: list[tuple[float, str]]
    most: int
    words: str
    width: int = WIDTH
    height: int = HEIGHT + FOOT
    ground: int = HEIGHT


def by_day(days: Mapping[str, Day]) -> Chart:
    """How many matched, and of these the disputed ones, each day that had payments."""
    known = sorted(days.items())
    most = max((day.matched for _, day in known), default=0)
    step = WIDTH / max(len(known), 1)

    def tall(number: int) -> float:
        return round(number * (HEIGHT - 10) / max(most, 1), 1)

    bars = [
        Bar(
            x=round(place * step + min(2, step / 5), 1),
            y=HEIGHT - tall(day.matched),
            width=round(min(step - min(4, step / 2.5), 48), 1),
            height=tall(day.matched),
            bad_y=HEIGHT - tall(day.disputed),
            bad_height=tall(day.disputed),
            words=f"{name}: {day.matched} of {day.seen} payments, {day.disputed} of them disputed",
        )
        for place, (name, day) in enumerate(known)
    ]
    every = max(1, -(-len(known) // LABELS))
    labels = [
        (round(place * step, 1), name[5:]) for place, (name, _) in enumerate(known) if place % every == 0
    ]
    total = sum(day.matched for _, day in known)
    return Chart(bars, labels, most, f"{total} payments matched in {len(known)} days.")
