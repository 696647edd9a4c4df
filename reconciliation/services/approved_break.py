"""The resolution of a large difference: one person proposes it, another approves it among the approvals or at the
workbench, and it is booked."""

from typing import Any

from controls import approvals
from controls.actions import Action
from controls.models import Approval
from reconciliation import kinds
from reconciliation.models import Break
from reconciliation.services import breaks


def propose(pk: int, *, resolution: str, reason: str, maker: Any) -> Break:
    """As `breaks.propose`; what takes two people waits among the approvals."""
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
        approvals.ask_for_approval(wish, key=found.public_id, maker=maker, reason=found.reason)
    return found


def approve(pk: int, *, checker: Any) -> Break:
    """As `breaks.approve`; where it waits among the approvals it is decided there, and booked. SecondPersonNeeded,
    SamePerson or BreakBusy."""
    found = Break.objects.get(pk=pk)
    waiting = Approval.objects.filter(key=found.public_id, state=Approval.State.OPEN).first()
    if waiting is None:
        return breaks.approve(pk, actor=checker.get_username())
    approvals.approve(waiting.pk, checker=checker)
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


RESOLUTION = Action(
    name=kinds.RESOLVING,
    title="Resolution of a difference",
    carry_out=carry_out,
    page="admin:reconciliation_break_changelist",
)
