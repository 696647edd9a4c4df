"""What we say to a dispute: evidence is kept as it is written, then submitted or the dispute accepted, once and for
good. What is wanted is a row before the processor hears of it; beat asks until the processor has confirmed it."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from controls.services import raise_alert
from core.db import in_transaction, load_statement, release_connection, run_statement
from core.faults import fault_point
from core.ids import new_id
from payments import queries, routing
from payments.attempts import Actor
from payments.errors import DisputeClosed, DisputeRefused
from payments.metadata import merged
from payments.models import Dispute
from payments.serializers import EVIDENCE_FILES
from payments.services.disputes import LOOK_SECONDS, book_report, learn_disputes, lock_dispute, shown, tell
from payments.services.records import timeline_of_dispute
from payments.services.timing import FIRST_LOOK_SECONDS, NEXT_LOOKS_SECONDS
from processors.protocol import Declined, DisputeDesk, DisputeOrder, DisputeReport, Unknown
from webhooks.kick import kick

# Of all texts together, as at Stripe.
MOST_EVIDENCE = 150_000
CLAIM_DISPUTES = load_statement("claim_disputes.sql")
BATCH = 50
BEAT = Actor("beat")

log = logging.getLogger("tollgate.payments")
after_words = fault_point("dispute.after_words")


@dataclass(frozen=True, slots=True)
class Response:
    """New texts by Stripe's field names (an empty one takes a text away), metadata, and whether that is all."""

    evidence: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] | None = None
    clear_metadata: bool = False
    submit: bool = False


def respond(dispute_id: int, response: Response, actor: Actor) -> dict[str, Any]:
    """Keeps what was written, and submits it where asked. DisputeRefused and its leaves before anything is
    written. Until the processor confirms it, the dispute is shown as it was, with the new texts."""
    _write(dispute_id, response, actor)
    after_words()
    return _pursue(dispute_id, actor) if response.submit else _show(dispute_id)


def accept(dispute_id: int, actor: Actor, *, reason: str = "") -> dict[str, Any]:
    """Gives in: the dispute is lost once the processor has confirmed it. DisputeRefused."""
    _want_acceptance(dispute_id, actor, reason)
    return _pursue(dispute_id, actor)


def look_after_disputes() -> int:
    """Asks about open disputes that are due: what is wanted once more, else how they stand; how many."""
    delays = [FIRST_LOOK_SECONDS + settings.PROCESSOR_TIMEOUT_SECONDS, *NEXT_LOOKS_SECONDS]
    due = run_statement(CLAIM_DISPUTES, {"limit": BATCH, "delays": delays, "usual_seconds": LOOK_SECONDS})
    for row in due:
        try:
            if row.wanted:
                _pursue(row.id, BEAT)
            else:
                learn_disputes(Dispute.objects.select_related("charge").get(pk=row.id).charge, BEAT)
        except Exception:
            # One that fails must not hold the others up; it is due again by its own row.
            log.exception("dispute %s could not be looked after", row.id)
        finally:
            release_connection()
    return len(due)


@in_transaction
def _write(dispute_id: int, response: Response, actor: Actor) -> None:
    dispute = lock_dispute(dispute_id)
    before = shown(dispute)
    if response.evidence or response.submit:
        _check_answerable(dispute)
        dispute.evidence = _evidence(dispute, response.evidence)
    if response.submit:
        _check_desk(dispute)
        if not dispute.evidence:
            raise DisputeRefused(f"There is no evidence for {dispute.public_id} yet.", param="evidence")
        _want(dispute, Dispute.Wanted.SUBMIT)
    dispute.metadata = merged(dispute.metadata, response.metadata, clear=response.clear_metadata)
    dispute.save()
    told = ", ".join(sorted(response.evidence))
    if response.evidence or response.submit:
        timeline_of_dispute(
            dispute, "dispute.submitting" if response.submit else "dispute.evidence", actor, reason=told
        )
    tell(dispute, "updated", actor, before)


@in_transaction
def _want_acceptance(dispute_id: int, actor: Actor, reason: str) -> None:
    dispute = lock_dispute(dispute_id)
    _check_answerable(dispute)
    if dispute.is_inquiry:
        raise DisputeRefused(
            f"{dispute.public_id} is an inquiry: it takes no money, so there is nothing to accept. "
            "Refund the charge instead, or answer it."
        )
    _check_desk(dispute)
    _want(dispute, Dispute.Wanted.ACCEPT)
    dispute.save()
    timeline_of_dispute(dispute, "dispute.accepting", actor, reason=reason)


def _check_answerable(dispute: Dispute) -> None:
    if not dispute.is_open:
        raise DisputeClosed(f"Dispute {dispute.public_id} is already closed ({dispute.state}).")
    if dispute.state not in Dispute.ANSWERABLE:
        raise DisputeRefused(
            f"Evidence for dispute {dispute.public_id} was submitted already; its outcome is awaited."
        )
    if dispute.wanted:
        raise DisputeRefused(
            f"An answer to dispute {dispute.public_id} is being sent to its processor already."
        )


def _check_desk(dispute: Dispute) -> None:
    routing.check_configured(dispute.processor)
    if not isinstance(routing.processor(dispute.processor), DisputeDesk):
        raise DisputeRefused(
            f"'{dispute.processor}' takes no answers by way of Tollgate: answer {dispute.processor_id} there."
        )


def _evidence(dispute: Dispute, given: Mapping[str, str]) -> dict[str, str]:
    for name in EVIDENCE_FILES:
        if given.get(name):
            raise DisputeRefused(
                "Files can't be taken yet: say it in uncategorized_text.", param=f"evidence[{name}]"
            )
    kept = {name: text for name, text in {**dispute.evidence, **given}.items() if text}
    size = sum(len(text) for text in kept.values())
    if size > MOST_EVIDENCE:
        raise DisputeRefused(
            f"All evidence together can have at most {MOST_EVIDENCE:,} characters; this is {size:,}.",
            param="evidence",
        )
    return kept


def _want(dispute: Dispute, wanted: str) -> None:
    dispute.wanted, dispute.wanted_reference = wanted, new_id("dpo")
    dispute.looks = 0
    patience = settings.PROCESSOR_TIMEOUT_SECONDS + FIRST_LOOK_SECONDS
    dispute.next_look_at = timezone.now() + timedelta(seconds=patience)


def _pursue(dispute_id: int, actor: Actor) -> dict[str, Any]:
    """Sends what is wanted, under its reference, and books the answer. May be repeated."""
    dispute = Dispute.objects.get(pk=dispute_id)
    if dispute.wanted:
        said = _ask(dispute)
        if isinstance(said, DisputeReport):
            book_report(dispute.charge_id, said, actor)
        else:
            _note(dispute_id, dispute.wanted_reference, said, actor)
        kick()
    return _show(dispute_id)


def _ask(dispute: Dispute) -> DisputeReport | Declined | Unknown:
    desk = routing.processor(dispute.processor)
    assert isinstance(desk, DisputeDesk)
    order = DisputeOrder(dispute.wanted_reference, dispute.processor_id, dispute.evidence)
    send = desk.submit_evidence if dispute.wanted == Dispute.Wanted.SUBMIT else desk.accept_dispute
    release_connection()
    return send(order, timeout_seconds=settings.PROCESSOR_TIMEOUT_SECONDS)


@in_transaction
def _note(dispute_id: int, reference: str, said: Declined | Unknown, actor: Actor) -> None:
    """Unknown: beat asks again. Declined: what was written stays, and somebody looks."""
    dispute = lock_dispute(dispute_id)
    if dispute.wanted_reference != reference:
        return
    if isinstance(said, Unknown):
        timeline_of_dispute(dispute, "dispute.unconfirmed", actor, reason=said.reason)
        return
    wanted, dispute.wanted, dispute.wanted_reference = dispute.wanted, "", ""
    dispute.next_look_at = timezone.now()
    dispute.save()
    timeline_of_dispute(dispute, "dispute.refused", actor, reason=said.decline_code)
    raise_alert(
        kind="dispute_answer_refused",
        subject=dispute.public_id,
        message=f"{dispute.processor} refused to {wanted} {dispute.public_id}: {said.decline_code}.",
        livemode=dispute.livemode,
        merchant_id=dispute.merchant_id,
        currency=dispute.currency,
        amount_minor=dispute.amount_minor,
    )


def _show(dispute_id: int) -> dict[str, Any]:
    return shown(queries.all_disputes().get(pk=dispute_id))
