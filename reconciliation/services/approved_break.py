"""The resolution of a large difference: one person proposes it, another approves it among the approvals or at the
workbench, and it is booked. What is refused there, or runs out of time, is proposed anew."""

from typing import Any

from controls import approvals
from controls.actions import Action
from controls.models import Approval
from core.db import in_transaction
from reconciliation import kinds
from reconciliation.errors import BreakBusy
from reconciliation.models import Break
from reconciliation.services import breaks

WAITS = (Approval.State.OPEN, Approval.State.APPROVED)


@in_transaction
def propose(pk: int, *, resolution: str, reason: str, maker: Any) -> Break:
    """As `breaks.propose`; what takes two people waits among the approvals. BreakBusy while an earlier proposal
    does: whoever approves that must get what it said."""
    before = approval_of(Break.objects.select_for_update(no_key=True).get(pk=pk))
    if before and before.state in WAITS:
        raise BreakBusy(
            f"{before.subject} waits among the approvals: it can be proposed anew once it is refused."
        )
    found = breaks.propose(pk, resolution=resolution, reason=reason, actor=maker.get_username())
    if found.needs_second_person:
        wish = approvals.Wish(
            action=kinds.RESOLVING,
            subject=found.public_id,
            summary=f"{found.get_kind_display()}: {dict(kinds.RESOLUTIONS)[resolution].lower()}",
            livemode=found.livemode,
            currency=found.currency,
            amount_minor=found.at_risk_minor,
        )
        key = f"{found.public_id}:{found.proposals}"
        approvals.ask_for_approval(wish, key=key, maker=maker, reason=found.reason)
    return found


def approval_of(found: Break) -> Approval | None:
    """The last one that was asked for, whatever became of it."""
    asked = Approval.objects.filter(action=kinds.RESOLVING, subject=found.public_id).order_by("pk")
    return asked.select_related("checker").last()


def approve(pk: int, *, checker: Any) -> Break:
    """As `breaks.approve`; where it waits among the approvals it is decided there, and booked. SecondPersonNeeded,
    SamePerson or BreakBusy."""
    found = Break.objects.get(pk=pk)
    asked = approval_of(found)
    if asked is None or found.state != Break.State.PROPOSED:
        return breaks.approve(pk, actor=checker.get_username())
    if asked.state not in WAITS:
        raise BreakBusy(f"What was proposed for {found} is {asked.state}: it must be proposed anew.")
    approvals.approve(asked.pk, checker=checker)
    return Break.objects.get(pk=pk)


def carry_out(approval: Approval) -> str:
    """What was booked. BreakBusy where it is not where the approval left it."""
    found = Break.objects.get(public_id=approval.subject)
    assert approval.checker is not None
    checker = approval.checker.get_username()
    if found.state == Break.State.PROPOSED:
        breaks.approve(found.pk, actor=checker)
    if Break.objects.get(pk=found.pk).state == Break.State.APPROVED:
        breaks.resolve(found.pk, actor=checker)
    resolved = Break.objects.get(pk=found.pk)
    return f"{resolved} is {resolved.state}: {resolved.ledger_reference or 'nothing was booked'}"


def tell_refused(approval: Approval) -> None:
    """The break's history says so too."""
    found = Break.objects.get(public_id=approval.subject)
    text, actor = approval.decision, str(approval.checker or "beat")
    if approval.state == Approval.State.EXPIRED:
        text = "Nobody decided in time."
    breaks.tell_refused(found.pk, text=text, actor=actor)


RESOLUTION = Action(
    name=kinds.RESOLVING,
    title="Resolution of a difference",
    carry_out=carry_out,
    page="admin:reconciliation_break_changelist",
    came_to_nothing=tell_refused,
)
