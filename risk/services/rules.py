"""Writes rules. Nothing is ever changed: a change is a new version, and each step of a version says who and why."""

from django.db import transaction
from django.utils import timezone

from core.errors import InvalidRequest
from merchants.models import Merchant
from risk.language import Checked, check
from risk.models import Rule, RuleChange, RuleVersion
from risk.queries import list_keys
from risk.syntax import Misread

State = RuleVersion.State
# More than anybody reads; each is asked at every payment.
MAX_RULES = 200


class RuleMisread(InvalidRequest):
    """The expression is none of a rule; `misread` has the place."""

    def __init__(self, misread: Misread) -> None:
        super().__init__(f"{misread.message} (at character {misread.at + 1})", param="expression")
        self.misread = misread


def checked(expression: str) -> Checked:
    """RuleMisread where it can not be a rule's."""
    try:
        return check(expression, lists=list_keys())
    except Misread as misread:
        raise RuleMisread(misread) from misread


@transaction.atomic
def write_rule(
    *,
    name: str,
    livemode: bool,
    merchant: Merchant | None,
    expression: str,
    action: str,
    actor: str,
    reason: str,
) -> RuleVersion:
    """A new rule's first version, a draft."""
    checked(expression)
    if (
        Rule.objects.filter(versions__state__in=[State.DRAFT, State.SHADOW, State.LIVE]).distinct().count()
        >= MAX_RULES
    ):
        raise InvalidRequest(f"There are {MAX_RULES} rules already: retire one first.", param="name")
    rule = Rule.objects.create(name=name, livemode=livemode, merchant=merchant)
    return _born(rule, 1, expression, action, actor, reason)


@transaction.atomic
def write_version(rule_pk: int, *, expression: str, action: str, actor: str, reason: str) -> RuleVersion:
    """The rule's next version, a draft. InvalidRequest where it says what the one before says."""
    checked(expression)
    rule = _locked(rule_pk)
    last = rule.versions.order_by("-number")[0]
    if (last.expression, last.action) == (expression, action) and last.state != State.RETIRED:
        raise InvalidRequest(f"This is what version {last.number} says.", param="expression")
    return _born(rule, last.number + 1, expression, action, actor, reason)


@transaction.atomic
def move_version(version_pk: int, state: str, *, actor: str, reason: str) -> RuleVersion:
    """Brings a version into shadow, live, or to its end; the one that is there already is retired for it. Harmless
    when it is there; InvalidRequest where it can't come there any more."""
    rule = _locked(RuleVersion.objects.values_list("rule", flat=True).get(pk=version_pk))
    version = RuleVersion.objects.get(pk=version_pk)
    version.rule = rule
    if version.state == state:
        return version
    if not can_move(version.state, state):
        raise InvalidRequest(f"{version} is {version.state}: it can't be {state} any more.")
    if state != State.RETIRED:
        checked(version.expression)
        for other in rule.versions.filter(state=state).exclude(pk=version.pk):
            _move(other, State.RETIRED, actor, f"Version {version.number} is {state} in its place.")
    _move(version, state, actor, reason)
    return version


def can_move(state: str, to: str) -> bool:
    return (
        to
        in {
            State.DRAFT: {State.SHADOW, State.LIVE, State.RETIRED},
            State.SHADOW: {State.LIVE, State.RETIRED},
            State.LIVE: {State.RETIRED},
            State.RETIRED: set(),
        }[State(state)]
    )


def _move(version: RuleVersion, state: str, actor: str, reason: str) -> None:
    match state:
        case State.SHADOW:
            version.watch()
        case State.LIVE:
            version.enforce()
        case State.RETIRED:
            version.retire()
        case _:
            raise AssertionError(state)
    version.save(update_fields=["state"])
    _tell(version, actor, reason)


def _born(rule: Rule, number: int, expression: str, action: str, actor: str, reason: str) -> RuleVersion:
    version = RuleVersion.objects.create(rule=rule, number=number, expression=expression, action=action)
    _tell(version, actor, reason)
    return version


def _tell(version: RuleVersion, actor: str, reason: str) -> None:
    RuleChange.objects.create(
        version=version, state=version.state, actor=actor, reason=reason, at=timezone.now()
    )


def _locked(rule_pk: int) -> Rule:
    """Versions of a rule are written and moved one after the other. The first one is the lock: nobody may update a
    rule, so nobody can lock it."""
    first = RuleVersion.objects.select_for_update(no_key=True, of=["self"]).select_related("rule")
    return first.get(rule=rule_pk, number=1).rule
