"""A version's step in the console: into shadow, live, to its end. What changes payments asks for a second person
where that is wanted."""

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect

from controls.approvals import ask_for_approval, needs_second_person
from controls.errors import ApprovalRefused
from core.audit import note
from core.errors import InvalidRequest
from core.once import first_time, open_form
from core.showing import page_url
from risk.admin.rule_forms import StepForm
from risk.back_test import PASSIVE, Figures
from risk.models import BackTest, RuleVersion
from risk.services import approved_rule
from risk.services.rules import can_move, move_version

State = RuleVersion.State
VERBS = {State.SHADOW: "Watch in shadow", State.LIVE: "Go live", State.RETIRED: "Retire"}
UNTRIED = "It was not tried on past payments."


def step_page(console: Any, request: Any, pk: int, to: str) -> HttpResponse:
    """Asks first, with what it means."""
    console.require(request, "risk.change_rule")
    if to not in VERBS:
        raise Http404
    state = State(to)
    version = get_object_or_404(RuleVersion.objects.select_related("rule__merchant"), pk=pk)
    if not can_move(version.state, state):
        messages.info(request, f"{version} is {version.state}.")
        return redirect(page_url(version.rule))
    form = StepForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if first_time(request):
            return _go(console, request, version, state, form.cleaned_data["reason"])
        messages.info(request, "That form was used already.")
        return redirect(page_url(version.rule))
    return _asked(console, request, version, state, form)


def tried(version: RuleVersion) -> str:
    """What the latest whole test of it has shown, in words."""
    test = BackTest.objects.filter(version=version, done=True).order_by("-pk").first()
    if test is None:
        return ""
    days = (test.ends_at - test.begins_at).days
    return f"Tried on {days} days: {Figures.of(test.figures).words(version.action)}"


def _asked(
    console: Any, request: HttpRequest, version: RuleVersion, state: State, form: StepForm
) -> HttpResponse:
    waits = approved_rule.takes_two(version, state) and needs_second_person(approved_rule.NAME)
    return console.render(  # type: ignore[no-any-return]
        request,
        "risk/step.html",
        row=version.rule,
        version=version,
        title=f"{VERBS[state]}: {version}",
        meaning=_meaning(version, state),
        tried=tried(version) or UNTRIED,
        replaced=version.rule.versions.filter(state=state).first() if state != State.RETIRED else None,
        form=form,
        button="Ask for approval" if waits else VERBS[state],
        waits=waits,
        danger=state == State.RETIRED,
        back=page_url(version.rule),
        nonce=open_form(request),
    )


def _meaning(version: RuleVersion, state: State) -> str:
    match state:
        case State.SHADOW:
            return (
                "It is asked with every payment from now on, and its answers are only written down: no payment is "
                f"{PASSIVE[version.action]} by it."
            )
        case State.LIVE:
            return f"From now on payments that it matches are {PASSIVE[version.action]}, within seconds."
        case _:
            return (
                "It is asked no more. What it has decided stays written down; to have it back, write it anew."
            )


def _go(console: Any, request: Any, version: RuleVersion, state: State, reason: str) -> HttpResponse:
    if approved_rule.takes_two(version, state) and needs_second_person(approved_rule.NAME):
        return _ask(request, version, state, reason)
    try:
        with transaction.atomic():
            moved = move_version(version.pk, state, actor=request.user.get_username(), reason=reason)
            console.log_change(request, moved.rule, f"{approved_rule.told(moved)} {reason}")
    except InvalidRequest as refusal:
        messages.warning(request, refusal.message)
    else:
        messages.success(request, approved_rule.told(moved))
    return redirect(page_url(version.rule))


def _ask(request: Any, version: RuleVersion, state: State, reason: str) -> HttpResponse:
    wish = approved_rule.wish(version, state, tried=tried(version) or UNTRIED)
    try:
        with transaction.atomic():
            approval = ask_for_approval(
                wish, key=f"risk_{request.POST['nonce']}", maker=request.user, reason=reason
            )
            note(request, "changed", f"Asks somebody to approve: {wish.summary} {approval}.", approval)
    except ApprovalRefused as refusal:
        messages.warning(request, refusal.message)
        return redirect(page_url(version.rule))
    messages.warning(
        request, f"This takes a second person. {approval} waits for one; nothing has changed yet."
    )
    return redirect(page_url(approval))
