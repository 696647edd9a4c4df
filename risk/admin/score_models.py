"""Score models in the console: which one gives payments their score, what each is worth, and bringing one into
use."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils import timezone

from controls.approvals import ask_for_approval, needs_second_person
from controls.errors import ApprovalRefused
from core.audit import note
from core.console import ReadOnlyAdmin
from core.errors import InvalidRequest
from core.once import first_time, open_form
from core.showing import badge, mode, page_url
from risk.admin.rule_forms import StepForm
from risk.evaluation import Evaluation
from risk.lessons import LEAST_PAYMENTS, MATURE_DAYS, mature
from risk.models import Decision, ScoreModel
from risk.score_charts import by_limit, calibration
from risk.services import approved_model
from risk.services.score_models import can_move, move_model
from risk.trees import Model

State = ScoreModel.State
STATES = {
    State.TRAINED: ("Trained: asked by nobody", "quiet"),
    State.LIVE: ("Live: scores payments", "good"),
    State.RETIRED: ("Retired", "quiet"),
}
VERBS = {State.LIVE: "Go live", State.RETIRED: "Retire"}
MEANINGS = {
    State.LIVE: "From now on each payment has this model's score, within seconds; rules that ask for it go by it.",
    State.RETIRED: "It is asked no more. Without another one payments have no score: rules that ask for it see -1.",
}
LIMITS = (5, 10, 25, 50, 65, 75, 90)
# Of the newest payments, what this model would say.
LATELY = 300
WEIGHTS_SHOWN = 15


@admin.register(ScoreModel)
class ScoreModelAdmin(ReadOnlyAdmin):
    """Each mode has its own; `?mode=live` shows those of live mode."""

    page_template = "risk/score_model.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.step)
        urls: list[URLPattern] = super().get_urls()
        return [path("<int:pk>/step/<str:to>/", view, name="risk_scoremodel_step"), *urls]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if found := ScoreModel.objects.filter(public_id=request.GET.get("q", "")).first():
            return redirect(page_url(found))
        livemode = request.GET.get("mode") == "live"
        old = mature(livemode, now=timezone.now()).order_by("pk").values_list("pk")[:LEAST_PAYMENTS]
        models = ScoreModel.objects.filter(livemode=livemode).defer("content").order_by("-pk")
        shown = [(row, badge(*STATES[State(row.state)]), Evaluation.of(row.evaluation)) for row in models]
        return self.render(
            request,
            "risk/score_models.html",
            title="Score models",
            livemode=livemode,
            rows=shown,
            is_live=any(row.state == State.LIVE for row, *_ in shown),
            old=len(old),
            least=LEAST_PAYMENTS,
            days=MATURE_DAYS,
        )

    def page(self, request: HttpRequest, model: Any) -> dict[str, Any]:
        evaluation = Evaluation.of(model.evaluation)
        weights = sorted(model.weights.items(), key=lambda pair: -pair[1])
        may_move = bool(request.user.has_perm("risk.change_scoremodel"))
        return {
            "title": f"Score model {model}",
            "mode": mode(model.livemode),
            "state": badge(*STATES[State(model.state)]),
            "evaluation": evaluation,
            "limit_keys": [("tg-then", "of these fraud"), ("tg-now", "of all fraud")],
            "calibration_keys": [("tg-now", "was fraud"), ("tg-then", "by the score")],
            "limits": [
                (limit, *(f"{share:.1%}" for share in _shares(evaluation, limit))) for limit in LIMITS
            ],
            "by_limit": by_limit(evaluation),
            "calibration": calibration(evaluation),
            "weights": [(name, f"{weight:.0%}") for name, weight in weights[:WEIGHTS_SHOWN]],
            "others": max(0, len(weights) - WEIGHTS_SHOWN),
            "changes": model.changes.order_by("-pk"),
            "steps": [(to, VERBS[to]) for to in VERBS if may_move and can_move(model.state, to)],
            **_lately(model),
        }

    def step(self, request: Any, pk: int, to: str) -> HttpResponse:
        """Asks first, with what it means."""
        if not request.user.has_perm("risk.change_scoremodel"):
            raise PermissionDenied
        if to not in VERBS:
            raise Http404
        state, model = State(to), get_object_or_404(ScoreModel, pk=pk)
        if not can_move(model.state, state):
            messages.info(request, f"{model} is {model.state}.")
            return redirect(page_url(model))
        form = StepForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            if first_time(request):
                self._go(request, model, state, form.cleaned_data["reason"])
            else:
                messages.info(request, "That form was used already.")
            return redirect(page_url(model))
        waits = _waits(model, state)
        return self.render(
            request,
            "risk/score_step.html",
            row=model,
            title=f"{VERBS[state]}: {model}",
            meaning=MEANINGS[state],
            worth=Evaluation.of(model.evaluation).words(),
            replaced=ScoreModel.objects.filter(livemode=model.livemode, state=State.LIVE)
            .exclude(pk=pk)
            .first(),
            form=form,
            button="Ask for approval" if waits else VERBS[state],
            waits=waits,
            danger=state == State.RETIRED,
            nonce=open_form(request),
        )

    def _go(self, request: Any, model: ScoreModel, state: State, reason: str) -> None:
        try:
            with transaction.atomic():
                if _waits(model, state):
                    messages.warning(request, _asked(request, model, state, reason))
                    return
                moved = move_model(model.pk, state, actor=request.user.get_username(), reason=reason)
                self.log_change(request, moved, f"{approved_model.told(moved)} {reason}")
        except (InvalidRequest, ApprovalRefused) as refusal:
            messages.warning(request, refusal.message)
        else:
            messages.success(request, approved_model.told(moved))


def _waits(model: ScoreModel, state: State) -> bool:
    return approved_model.takes_two(model, state) and needs_second_person(approved_model.NAME)


def _asked(request: Any, model: ScoreModel, state: State, reason: str) -> str:
    wish = approved_model.wish(model, state)
    approval = ask_for_approval(wish, key=f"score_{request.POST['nonce']}", maker=request.user, reason=reason)
    note(request, "changed", f"Asks somebody to approve: {wish.summary} {approval}.", approval)
    return f"This takes a second person. {approval} waits for one; nothing has changed yet."


def _shares(evaluation: Evaluation, limit: int) -> tuple[float, float, float]:
    return evaluation.precision(limit), evaluation.recall(limit), evaluation.stopped(limit)


def _lately(model: ScoreModel) -> dict[str, Any]:
    """What it says, or would say, of the newest payments of its mode: by what their decisions know."""
    asked = Model.read(model.content)
    newest = Decision.objects.filter(livemode=model.livemode).order_by("-pk").values_list("facts", flat=True)
    scores = [asked.score(facts) for facts in newest[:LATELY]]
    return {
        "seen": len(scores),
        "lately": [(limit, sum(score >= limit for score in scores)) for limit in LIMITS],
    }
