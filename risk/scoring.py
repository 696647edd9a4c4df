"""The score of a payment, by the model that is live: kept in memory, and a change followed by every process within
seconds."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import connection

from risk.facts import Request
from risk.features import Facts
from risk.kept import Kept
from risk.models import ScoreModel
from risk.trees import Model

READ_SECONDS = 5.0
Live = Mapping[bool, tuple[str, Model]]
NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Score:
    """0 to 99, by this model."""

    value: int
    model: str


class LiveModel:
    """See `risk.parts.Scorer`."""

    def reads(self, livemode: bool) -> frozenset[str]:
        known = live_model(livemode)
        return known[1].reads if known else NOTHING

    def score(self, request: Request, facts: Facts) -> Score | None:
        known = live_model(request.livemode)
        return Score(known[1].score(facts), known[0]) if known else None


def live_model(livemode: bool) -> tuple[str, Model] | None:
    """With its public id; None where the mode has none."""
    return _live(_database()).get().get(livemode)


def forget() -> None:
    """This process reads everything anew."""
    _live.cache_clear()


def _database() -> str:
    """A process that is pointed to another database must not know the first one's."""
    return str(connection.settings_dict["NAME"])


@functools.cache
def _live(database: str) -> Kept[Live]:
    return Kept(_read_live, seconds=READ_SECONDS)


def _read_live() -> Live:
    rows = ScoreModel.objects.filter(state=ScoreModel.State.LIVE)
    return {row.livemode: (row.public_id, Model.read(row.content)) for row in rows}
