"""What people do about a call whose outcome is unknown: have it looked up now; or, where the processor told them by
other ways, say what it said. By the same door as every other outcome."""

from dataclasses import dataclass
from typing import Any

from django.db.models import F
from django.utils import timezone

from controls.actions import Action
from controls.models import Approval
from core.db import in_transaction
from payments.attempts import Actor
from payments.errors import OutcomeAwaited, OutcomeKnown
from payments.models import Operation
from payments.services.finish import end_operation
from payments.services.load import lock_undertaking
from payments.services.records import timeline
from payments.services.resume import resume_operation
from processors.protocol import Approved, Outcome, Tombstoned
from webhooks.kick import kick

NAME = "decide_outcome"


@dataclass(frozen=True, slots=True)
class Decision:
    """`processor_id` is the processor's own id of what it did; `reason` says how that is known."""

    happened: bool
    processor_id: str
    reason: str


def look_again(reference: str, actor: Actor) -> Operation:
    """Asks the processor now, as the sweeper would some time. OutcomeAwaited while the call itself may answer."""
    operation = Operation.objects.get(public_id=reference)
    _require_due(operation)
    # Taken over: a first sending that never left may not end what is sent again from here.
    Operation.objects.filter(pk=operation.pk, state__in=Operation.OPEN).update(attempts=F("attempts") + 1)
    resume_operation(reference, actor)
    return Operation.objects.select_related("charge").get(pk=operation.pk)


def decide_outcome(reference: str, decision: Decision, actor: Actor) -> Operation:
    """Ends the operation as the decision says, once. OutcomeKnown where that was learned meanwhile: then nothing
    changes. Money that is taken after all later on is found and given back, as after any failed attempt."""
    operation = _decide(reference, decision, actor)
    kick()
    return operation


@in_transaction
def _decide(reference: str, decision: Decision, actor: Actor) -> Operation:
    attempt = lock_undertaking(Operation.objects.values_list("pk", flat=True).get(public_id=reference))
    operation = attempt.operation
    _require_due(operation)
    timeline(attempt, "outcome.decided", actor, reason=decision.reason)
    end_operation(operation.pk, _outcome(operation, decision, actor), actor)
    return Operation.objects.select_related("charge").get(pk=operation.pk)


def _outcome(operation: Operation, decision: Decision, actor: Actor) -> Outcome:
    said: dict[str, Any] = {"decided_by": actor.name, "reason": decision.reason}
    if decision.happened:
        return Approved(decision.processor_id, operation.amount_minor, raw=said)
    return Tombstoned(raw=said)


def _require_due(operation: Operation) -> None:
    if not operation.is_open:
        raise OutcomeKnown(operation)
    if operation.deadline_at > timezone.now():
        raise OutcomeAwaited(operation)


def carry_out(approval: Approval) -> str:
    """What came of the operation, in words."""
    operation = Operation.objects.get(public_id=approval.subject)
    decision = Decision(approval.parameters["happened"], approval.parameters["processor_id"], approval.reason)
    if operation.is_open:
        operation = decide_outcome(approval.subject, decision, Actor(f"staff:{approval.made_by}"[:100]))
    return f"{operation.public_id}: {operation.state}"


DECIDE_OUTCOME = Action(
    name=NAME,
    title="Unknown outcome decided by hand",
    carry_out=carry_out,
    page="admin:payments_operation_changelist",
    alone_without_threshold=False,
)
