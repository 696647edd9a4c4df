"""Keeps trained models, and brings them into use. Nothing is ever changed: each step says who and why."""

from collections.abc import Collection, Mapping

from django.db import transaction
from django.utils import timezone

from core.errors import InvalidRequest
from risk.models import ScoreModel, ScoreModelChange

State = ScoreModel.State
WAYS: Mapping[str, Collection[str]] = {
    State.TRAINED: {State.LIVE, State.RETIRED},
    State.LIVE: {State.RETIRED},
    State.RETIRED: (),
}


@transaction.atomic
def keep_model(model: ScoreModel, *, actor: str, reason: str) -> ScoreModel:
    """A model that was just trained; nobody asks it yet."""
    model.save(force_insert=True)
    _tell(model, actor, reason)
    return model


@transaction.atomic
def move_model(model_pk: int, state: str, *, actor: str, reason: str) -> ScoreModel:
    """Brings a model into use, or to its end; the one in use before is retired for it. Harmless when it is there;
    InvalidRequest where it can't come there any more."""
    # One after the other in a mode: its first model is the lock.
    of_mode = ScoreModel.objects.filter(livemode=ScoreModel.objects.get(pk=model_pk).livemode)
    of_mode.select_for_update(no_key=True).order_by("pk")[:1].get()
    model = ScoreModel.objects.get(pk=model_pk)
    if model.state == state:
        return model
    if not can_move(model.state, state):
        raise InvalidRequest(f"{model} is {model.state}: it can't be {state} any more.")
    if state == State.LIVE:
        for other in of_mode.filter(state=State.LIVE):
            _move(other, State.RETIRED, actor, f"{model} is live in its place.")
    _move(model, state, actor, reason)
    return model


def can_move(state: str, to: str) -> bool:
    return to in WAYS[state]


def _move(model: ScoreModel, state: str, actor: str, reason: str) -> None:
    match state:
        case State.LIVE:
            model.enforce()
        case State.RETIRED:
            model.retire()
        case _:
            raise AssertionError(state)
    model.save(update_fields=["state"])
    _tell(model, actor, reason)


def _tell(model: ScoreModel, actor: str, reason: str) -> None:
    ScoreModelChange.objects.create(
        model=model, state=model.state, actor=actor, reason=reason, at=timezone.now()
    )
