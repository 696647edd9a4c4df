"""A model's step that took two people: done by the same service as any other, once, and only on the model as it was
when somebody asked."""

from controls.actions import Action, TwoPeople
from controls.approvals import Wish
from controls.models import Approval
from core.errors import InvalidRequest
from risk.evaluation import Evaluation
from risk.models import ScoreModel
from risk.services.score_models import move_model

NAME = "score_model"
State = ScoreModel.State
VERBS = {State.LIVE: "Score payments by", State.RETIRED: "Retire"}
DONE = {
    State.LIVE: "gives each payment its score from now on",
    State.RETIRED: "is asked no more",
}


def takes_two(model: ScoreModel, state: str) -> bool:
    """What changes payments: a model that begins to be asked, and one that is asked no more."""
    return State.LIVE in (state, model.state)


def wish(model: ScoreModel, state: str) -> Wish:
    """In the words that whoever decides reads."""
    mode = "live" if model.livemode else "test"
    said = f"{VERBS[State(state)]} {model}, for every merchant in {mode} mode."
    return Wish(
        action=NAME,
        subject=model.public_id,
        summary=f"{said} {Evaluation.of(model.evaluation).words()}",
        parameters={"model": model.pk, "from": model.state, "to": str(state)},
        livemode=model.livemode,
    )


def carry_out(approval: Approval) -> str:
    """What came of it, in words. InvalidRequest where the model was moved otherwise meanwhile."""
    asked = approval.parameters
    model = ScoreModel.objects.get(pk=asked["model"])
    if model.state not in (asked["from"], asked["to"]):
        raise InvalidRequest(f"{model} is {model.state} meanwhile. Ask again.")
    return told(move_model(model.pk, asked["to"], actor=approval.made_by, reason=approval.reason))


def told(model: ScoreModel) -> str:
    return f"{model} {DONE[State(model.state)]}."


SCORE_MODEL = Action(
    name=NAME,
    title="Score model",
    carry_out=carry_out,
    page="admin:risk_scoremodel_changelist",
    two_people=TwoPeople.SWITCHED,
)
