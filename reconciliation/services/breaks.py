"""Opens breaks, and moves them forward: who takes one, what is proposed, who approves, and the booking that ends it.
Each step locks the break first, and leaves a line in its history in the same transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from controls.approvals import Thresholds, thresholds_of
from core.db import in_transaction
from core.money import decimals
from ledger.lines import Line
from ledger.services import post
from payments import bookings
from payments.models import BalanceTransaction, Charge, Dispute, Refund
from reconciliation import kinds
from reconciliation.errors import BreakBusy, ResolutionUnfit, SecondPersonNeeded
from reconciliation.kinds import RULES
from reconciliation.models import Break, BreakEntry, ReportLine
from reconciliation.terms import BANK

# 1,000.00, or 100,000 where a currency has no decimals, as long as nobody has set a threshold.
USUAL_THRESHOLD = 1_000


@dataclass(frozen=True, slots=True)
class Found:
    """A difference, as it was found; see `models.Break`."""

    kind: str
    subject: str
    source: str
    livemode: bool
    currency: str
    at_risk_minor: int
    reference: str
    since: datetime
    text: str
    suspense_minor: int = 0
    line_id: int | None = None
    booking_id: int | None = None


@in_transaction
def open_breaks(found: Sequence[Found]) -> int:
    """How many of them are new. One that is known already stays as it is."""
    known = set(
        Break.objects.filter(subject__in=[one.subject for one in found]).values_list("subject", flat=True)
    )
    new = [one for one in found if one.subject not in known]
    thresholds = thresholds_of(kinds.RESOLVING)
    made = Break.objects.bulk_create([_break(one, thresholds) for one in new])
    BreakEntry.objects.bulk_create(
        BreakEntry(about=one, kind="opened", actor=RULES, text=said.text, state=one.state)
        for one, said in zip(made, new, strict=True)
    )
    return len(new)


def _break(found: Found, thresholds: Thresholds) -> Break:
    return Break(
        kind=found.kind,
        subject=found.subject,
        source=found.source,
        livemode=found.livemode,
        currency=found.currency,
        at_risk_minor=found.at_risk_minor,
        suspense_minor=found.suspense_minor,
        line_id=found.line_id,
        booking_id=found.booking_id,
        reference=found.reference[:100],
        since=found.since,
        needs_second_person=_takes_two(found, thresholds),
    )


def _takes_two(found: Found, thresholds: Thresholds) -> bool:
    if thresholds.amounts:
        return thresholds.take_two(found.currency, found.at_risk_minor)
    return found.at_risk_minor > USUAL_THRESHOLD * int(10 ** (decimals(found.currency) or 2))


@in_transaction
def assign(pk: int, *, owner: User | None, actor: str) -> Break:
    """Whose it is from now on; nobody's when `owner` is None. BreakBusy once it is resolved."""
    found = _locked(pk, *(state for state in Break.State.values if state != Break.State.RESOLVED))
    found.owner = owner
    found.save(update_fields=["owner"])
    _tell(found, "assigned", actor, f"to {owner.get_username()}" if owner else "to nobody")
    return found


@in_transaction
def note(pk: int, *, text: str, actor: str) -> Break:
    """What somebody found out, at any time."""
    found = Break.objects.select_for_update(no_key=True).get(pk=pk)
    _tell(found, "noted", actor, text)
    return found


@in_transaction
def propose(pk: int, *, resolution: str, reason: str, actor: str) -> Break:
    """A way out and why, instead of what was proposed before and nobody has approved. BreakBusy once somebody has;
    ResolutionUnfit for one that books nothing where money waits, or the other way round."""
    found = _locked(pk, Break.State.OPEN, Break.State.PROPOSED)
    if not reason.strip():
        raise ResolutionUnfit(f"{found} needs a reason.", param="reason")
    _check_fits(found, resolution)
    found.resolution, found.reason, found.proposed_by = resolution, reason.strip()[:500], actor
    found.proposals += 1
    found.propose()
    found.save(update_fields=["state", "resolution", "reason", "proposed_by", "proposals"])
    _tell(found, "proposed", actor, found.reason, {"resolution": resolution, "number": found.proposals})
    return found


@in_transaction
def tell_refused(pk: int, *, text: str, actor: str) -> None:
    """The proposal is not what is done; another one may take its place."""
    _tell(_locked(pk, Break.State.PROPOSED), "refused", actor, text)


@in_transaction
def approve(pk: int, *, actor: str) -> Break:
    """BreakBusy unless something is proposed; SecondPersonNeeded where the same person may not say both."""
    found = _locked(pk, Break.State.PROPOSED)
    explained = found.proposed_by == RULES and found.resolution == kinds.NOTHING
    if found.needs_second_person and actor == found.proposed_by and not explained:
        raise SecondPersonNeeded(
            f"{found} is above the limit for one person: somebody other than {actor} must approve it."
        )
    found.approved_by = actor
    found.approve()
    found.save(update_fields=["state", "approved_by"])
    _tell(found, "approved", actor)
    return found


@in_transaction
def resolve(pk: int, *, actor: str) -> Break:
    """Books what was approved, once, and ends the break. BreakBusy unless it is approved."""
    found = _locked(pk, Break.State.APPROVED)
    if lines := booking_of(found):
        found.ledger_reference = f"break:{found.public_id}:{found.resolution}"
        post(
            reference=found.ledger_reference,
            kind=f"break_{found.resolution}",
            lines=lines,
            livemode=found.livemode,
        )
    found.resolved_by, found.resolved_at = actor, timezone.now()
    found.resolve()
    found.save(update_fields=["state", "resolved_by", "resolved_at", "ledger_reference"])
    _tell(found, "resolved", actor, found.reason, {"ledger": found.ledger_reference})
    return found


def settle_by_rule(pk: int, *, resolution: str, reason: str) -> bool:
    """The whole way at once, for what needs no person; False where a person has begun, or two are needed."""

    @in_transaction
    def go() -> bool:
        found = Break.objects.select_for_update(no_key=True).get(pk=pk)
        if found.state != Break.State.OPEN or (found.needs_second_person and resolution != kinds.NOTHING):
            return False
        propose(pk, resolution=resolution, reason=reason, actor=RULES)
        approve(pk, actor=RULES)
        resolve(pk, actor=RULES)
        return True

    return go()


def booking_of(found: Break) -> list[Line]:
    """What resolving it as proposed will book."""
    match found.resolution:
        case kinds.SETTLE if found.source == BANK:
            return bookings.bank_line_explained(_announcer(found), found.currency, found.suspense_minor)
        case kinds.SETTLE:
            return bookings.suspense_settled(found.source, found.currency, found.suspense_minor)
        case kinds.WRITE_OFF if found.suspense_minor:
            return bookings.suspense_written_off(found.source, found.currency, found.suspense_minor)
        case kinds.WRITE_OFF:
            return _claim_written_off(found)
        case _:
            return []


def _check_fits(found: Break, resolution: str) -> None:
    if resolution not in dict(kinds.RESOLUTIONS):
        raise ResolutionUnfit(f"'{resolution}' is no way out of {found}.", param="resolution")
    waits = bool(found.suspense_minor)
    if waits and resolution == kinds.NOTHING:
        raise ResolutionUnfit(f"Money of {found} waits in suspense: it must be booked.", param="resolution")
    if not waits and resolution == kinds.SETTLE:
        raise ResolutionUnfit(f"Nothing of {found} waits in suspense to be settled.", param="resolution")
    if not waits and resolution == kinds.WRITE_OFF and found.kind != "missing_there":
        raise ResolutionUnfit(f"There is nothing of {found} to write off.", param="resolution")
    if found.source == BANK and resolution == kinds.SETTLE and not _announcer(found):
        raise ResolutionUnfit(
            f"{found} is of the bank, which owes us nothing, and no processor has announced it: write it off, "
            "or wait.",
            param="resolution",
        )


def _claim_written_off(found: Break) -> list[Line]:
    """What our books say that somebody owes or has paid, and no report shows."""
    assert found.booking_id is not None
    ours = BalanceTransaction.objects.get(pk=found.booking_id)
    match ours.type:
        case BalanceTransaction.Type.PAYOUT | BalanceTransaction.Type.PAYOUT_FAILURE:
            return bookings.bank_line_written_off(found.currency, ours.amount_minor)
        case BalanceTransaction.Type.CHARGE:
            processor = Charge.objects.get(public_id=ours.source).processor
        case BalanceTransaction.Type.ADJUSTMENT:
            processor = Dispute.objects.get(public_id=ours.source).processor
        case _:
            processor = Refund.objects.select_related("charge").get(public_id=ours.source).charge.processor
    return bookings.claim_written_off(processor, found.currency, ours.amount_minor)


def _announcer(found: Break) -> str:
    """Which processor says that it sent what our bank has received; "" where none does."""
    if found.line is None or not found.line.reference:
        return ""
    announced = ReportLine.objects.filter(
        kind="payout",
        processor_id=found.line.reference,
        currency=found.currency,
        file__livemode=found.livemode,
    )
    return announced.order_by("pk").values_list("file__source", flat=True).first() or ""


def _locked(pk: int, *states: str) -> Break:
    found = Break.objects.select_for_update(no_key=True).get(pk=pk)
    if found.state not in states:
        raise BreakBusy(f"{found} is {found.state} by now; it would have to be {' or '.join(states)}.")
    return found


def _tell(found: Break, kind: str, actor: str, text: str = "", data: dict[str, Any] | None = None) -> None:
    BreakEntry.objects.create(
        about=found, kind=kind, actor=actor, text=text[:500], state=found.state, data=data or {}
    )
