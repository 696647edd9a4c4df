"""What may take a second person. The app that knows how to do a thing registers it here when Django starts; approvals
know only its name."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from controls.models import Approval


class TwoPeople(Enum):
    """What says whether it takes two: thresholds per currency; one threshold without an amount, there or not; or
    nothing, since it always does."""

    ABOVE = auto()
    SWITCHED = auto()
    ALWAYS = auto()


@dataclass(frozen=True)
class Action:
    """`carry_out` does what the approval asks for by the same service as the direct way, under the approval's public
    id as idempotency key: it may be called again after a crash. It gives what came of it, in words. A TollgateError
    says that it can't be done, one with `retry` that it can't be done yet. `came_to_nothing` hears that it was
    refused or has expired, in that transaction."""

    name: str
    title: str
    carry_out: Callable[[Approval], str]
    # The list of the console that finds the subject by its id, such as `admin:payments_charge_changelist`.
    page: str = ""
    two_people: TwoPeople = TwoPeople.ABOVE
    # Without any threshold: whether one person is enough.
    alone_without_threshold: bool = True
    came_to_nothing: Callable[[Approval], None] | None = None


_actions: dict[str, Action] = {}


def register(action: Action) -> None:
    _actions[action.name] = action


def action_named(name: str) -> Action:
    """LookupError for one that nobody has registered."""
    return _actions[name]


def actions() -> list[Action]:
    """By title."""
    return sorted(_actions.values(), key=lambda action: action.title)
