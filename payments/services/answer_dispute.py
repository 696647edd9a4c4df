"""What we say to a dispute: evidence is kept as it is written, then submitted or the dispute accepted, once and for
good. What is wanted is a row before the processor hears of it; beat asks until the processor has confirmed it, and
with that the answer is kept under the key of whoever asked."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from controls.services import raise_alert
from core.db import in_transaction, load_statement, release_connection, run_statement
from core.faults import fault_point
from core.ids import new_id
from idempotency.errors import KeyInUse, KeyTaken
from idempotency.keys import Answer, Key
from idempotency.leases import at_work
from idempotency.services import answer_once, keep_answer, kept_under, let_go, settle, take, take_over
from payments import queries, routing
from payments.attempts import Actor
from payments.conclusions.drafts import as_json
from payments.errors import DisputeClosed, DisputeRefused
from payments.evidence import FILES, NewFile
from payments.metadata import merged
from payments.models import Dispute
from payments.services.disputes import LOOK_SECONDS, book_report, learn_disputes, lock_dispute, shown, tell
from payments.services.evidence import documents_of, with_evidence
from payments.services.records import timeline_of_dispute
from payments.services.timing import FIRST_LOOK_SECONDS, NEXT_LOOKS_SECONDS
from processors.protocol import Declined, DisputeDesk, DisputeOrder, DisputeReport, Unknown
from webhooks.kick import kick

CLAIM_DISPUTES = load_statement("claim_disputes.sql")
BATCH = 50
BEAT = Actor("beat")

log = logging.getLogger("tollgate.payments")
after_claim = fault_point("look_after_disputes.after_claim")
after_take_over = fault_point("claim.after_take_over")
before_words = fault_point("dispute.before_words")
after_words = fault_point("dispute.after_words")
after_answer = fault_point("dispute.after_answer")
after_booked = fault_point("dispute.after_booked")


@dataclass(frozen=True, slots=True)
class Response:
    """New texts and files by Stripe's field names (an empty text takes away what was there), metadata, and whether
    that is all. `reason` is for our own timeline."""

    evidence: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, NewFile] = field(default_factory=dict)
    reason: str = ""
    metadata: Mapping[str, str] | None = None
    clear_metadata: bool = False
    submit: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """What the processor is to do, and the claim of whoever waits for that."""

    key: Key | None
    reference: str = ""
    claim_id: int | None = None


def respond(dispute_id: int, response: Response, actor: Actor, *, key: Key | None = None) -> Answer:
    """Keeps what was written, and submits it where asked, once per key. DisputeRefused and its leaves before anything
    is written. Until the processor confirms it, the dispute is shown as it was, with the new texts."""
    if response.submit:
        return _order(dispute_id, key, actor, lambda order: _write(dispute_id, response, actor, order))
    return answer_once(key, in_transaction(lambda: _write(dispute_id, response, actor, Order(key))))


def accept(dispute_id: int, actor: Actor, *, reason: str = "", key: Key | None = None) -> Answer:
    """Gives in, once per key: the dispute is lost once the processor has confirmed it. DisputeRefused."""
    return _order(dispute_id, key, actor, lambda order: _want_acceptance(dispute_id, actor, reason, order))


def look_after_disputes() -> int:
    """Asks about open disputes that are due: what is wanted once more, else how they stand; how many."""
    delays = [FIRST_LOOK_SECONDS + settings.PROCESSOR_TIMEOUT_SECONDS, *NEXT_LOOKS_SECONDS]
    due = run_statement(CLAIM_DISPUTES, {"limit": BATCH, "delays": delays, "usual_seconds": LOOK_SECONDS})
    for row in due:
        after_claim()
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


def _order(dispute_id: int, key: Key | None, actor: Actor, want: Callable[[Order], object]) -> Answer:
    """Writes down what is wanted, with the claim on the key, then sends it."""

    @in_transaction
    def start() -> Order:
        reference = new_id("dpo")
        order = Order(key, reference, take(key, operation=reference) if key else None)
        want(order)
        before_words()
        return order

    try:
        order = start()
    except KeyTaken:
        assert key is not None
        return _repeat(dispute_id, key, actor)
    with at_work(order.claim_id):
        after_words()
        return _pursue(dispute_id, actor, order.claim_id)


def _repeat(dispute_id: int, key: Key, actor: Actor) -> Answer:
    """The kept answer; or the order sent once more, under its own reference, where its sender is gone."""
    settled = settle(key)
    if isinstance(settled, Answer):
        return settled
    if settled is None or not take_over(settled):
        raise KeyInUse(key.text)
    after_take_over()
    with at_work(settled.claim_id):
        return _pursue(dispute_id, actor, settled.claim_id)


def _write(dispute_id: int, response: Response, actor: Actor, order: Order) -> dict[str, Any]:
    dispute = lock_dispute(dispute_id)
    before = shown(dispute)
    changed = sorted({*response.evidence, *response.files})
    if changed or response.submit:
        _check_answerable(dispute)
        dispute.evidence = with_evidence(dispute, response.evidence, response.files, actor)
    if response.submit:
        _check_desk(dispute)
        if not dispute.evidence:
            raise DisputeRefused(f"There is no evidence for {dispute.public_id} yet.", param="evidence")
        _want(dispute, Dispute.Wanted.SUBMIT, order)
    dispute.metadata = merged(dispute.metadata, response.metadata, clear=response.clear_metadata)
    dispute.save()
    if changed or response.submit:
        kind = "dispute.submitting" if response.submit else "dispute.evidence"
        told = ": ".join(filter(None, [response.reason, ", ".join(changed)]))
        timeline_of_dispute(dispute, kind, actor, reason=told)
    tell(dispute, "updated", actor, before, key=order.key.text if order.key else "")
    return shown(dispute)


def _want_acceptance(dispute_id: int, actor: Actor, reason: str, order: Order) -> None:
    dispute = lock_dispute(dispute_id)
    _check_answerable(dispute)
    if dispute.is_inquiry:
        raise DisputeRefused(
            f"{dispute.public_id} is an inquiry: it takes no money, so there is nothing to accept. "
            "Refund the charge instead, or answer it."
        )
    _check_desk(dispute)
    _want(dispute, Dispute.Wanted.ACCEPT, order)
    dispute.save()
    timeline_of_dispute(dispute, "dispute.accepting", actor, reason=reason)


def _check_answerable(dispute: Dispute) -> None:
    if not dispute.is_open:
        raise DisputeClosed(f"Dispute {dispute.public_id} is already closed ({dispute.state}).")
    if dispute.state not in Dispute.ANSWERABLE:
        raise DisputeClosed(
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


def _want(dispute: Dispute, wanted: str, order: Order) -> None:
    dispute.wanted, dispute.wanted_reference, dispute.claim_id = wanted, order.reference, order.claim_id
    dispute.looks = 0
    patience = settings.PROCESSOR_TIMEOUT_SECONDS + FIRST_LOOK_SECONDS
    dispute.next_look_at = timezone.now() + timedelta(seconds=patience)


def _pursue(dispute_id: int, actor: Actor, claim_id: int | None = None) -> Answer:
    """Sends what is wanted, under its reference, and books the answer. May be repeated."""
    dispute = Dispute.objects.get(pk=dispute_id)
    if dispute.wanted:
        said = _ask(dispute)
        after_answer()
        if isinstance(said, DisputeReport):
            book_report(dispute.charge_id, said, actor)
        else:
            _note(dispute_id, dispute.wanted_reference, said, actor)
        after_booked()
        kick()
    return _told(dispute_id, claim_id)


def _told(dispute_id: int, claim_id: int | None) -> Answer:
    """What is kept; while the processor's word is awaited, the dispute as it stands, and a retry asks again."""
    if claim_id is not None and (kept := kept_under(claim_id)):
        return replace(kept, replayed=False)
    row = queries.all_disputes().get(pk=dispute_id)
    if claim_id is not None:
        let_go(claim_id)
    return Answer(200, as_json(shown(row)), final=claim_id is None and not row.wanted)


def _ask(dispute: Dispute) -> DisputeReport | Declined | Unknown:
    desk = routing.processor(dispute.processor)
    assert isinstance(desk, DisputeDesk)
    texts = {name: text for name, text in dispute.evidence.items() if name not in FILES}
    order = DisputeOrder(dispute.wanted_reference, dispute.processor_id, texts, documents_of(dispute))
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
    wanted, claim_id = dispute.wanted, dispute.claim_id
    dispute.want_nothing()
    dispute.next_look_at = timezone.now()
    dispute.save()
    if claim_id is not None:
        keep_answer(claim_id, Answer(200, as_json(shown(dispute))))
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
