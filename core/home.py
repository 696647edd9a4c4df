"""The console's first page is made of what each app has to say. This module keeps who says what; it knows no
table."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Asked:
    """One mode, at one moment, in the zone of whoever looks."""

    livemode: bool
    now: datetime

    @property
    def day(self) -> datetime:
        """When today began there."""
        return self.now.replace(hour=0, minute=0, second=0, microsecond=0)

    @property
    def mode(self) -> str:
        """The lists' own filter of the mode."""
        return f"livemode__exact={int(self.livemode)}"


@dataclass(frozen=True)
class Tile:
    """A figure that leads to its list. `alarm`: somebody is needed. `bars`: what it is made of."""

    title: str
    url: str
    figures: list[str]
    text: str
    alarm: bool = False
    bars: list[tuple[str, int]] = field(default_factory=list)

    @property
    def most(self) -> int:
        return max((number for _, number in self.bars), default=0)


@dataclass(frozen=True)
class Card:
    """`read` takes a fixed number of queries, each from an index of what is open or of one day. With a template its
    answer is what that shows (`None`: nothing to show), without one it is a Tile."""

    name: str
    permission: str
    place: int
    read: Callable[[Asked], Any]
    template: str = ""
    half: bool = False


_cards: dict[str, Card] = {}


def register(card: Card) -> None:
    _cards[card.name] = card


def cards() -> list[Card]:
    return sorted(_cards.values(), key=lambda one: one.place)
