"""Changes what merchants wrote on charges and refunds. Words only: no state and no amount."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.db import in_transaction
from idempotency.keys import Answer, Key
from idempotency.services import answer_once
from merchants.auth import Caller
from payments import queries, serializers
from payments.attempts import Actor
from payments.conclusions.drafts import EventDraft, changed
from payments.metadata import merged
from payments.models import Charge, Refund
from payments.services.records import record_of, timeline_of_intent


@dataclass(frozen=True, slots=True)
class Words:
    """New texts by column, and what is to be done with the metadata."""

    texts: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] | None = None
    clear_metadata: bool = False


def describe_charge(*, caller: Caller, charge: str, words: Words, key: Key | None) -> Answer:
    """Once per key. ResourceMissing."""

    def work() -> dict[str, Any]:
        row = queries.lock_charge(caller, charge, in_path=True)
        return _describe(caller, row, "charge", words, key)

    return answer_once(key, in_transaction(work))


def describe_refund(*, caller: Caller, refund: str, words: Words, key: Key | None) -> Answer:
    """The same for a refund."""

    def work() -> dict[str, Any]:
        found = queries.refund(caller, refund)
        charge = queries.with_intent(Charge.objects.select_for_update(no_key=True).get(pk=found.charge_id))
        row = Refund.objects.select_for_update(no_key=True).get(pk=found.pk)
        assert charge is not None
        row.charge, row.payment_intent = charge, charge.payment_intent
        return _describe(caller, row, "refund", words, key)

    return answer_once(key, in_transaction(work))


def _describe(
    caller: Caller, row: Charge | Refund, kind: str, words: Words, key: Key | None
) -> dict[str, Any]:
    before = _shown(row)
    for name, value in words.texts.items():
        setattr(row, name, value)
    row.metadata = merged(row.metadata, words.metadata, clear=words.clear_metadata)
    row.save(update_fields=[*words.texts, "metadata"])
    after = _shown(row)
    was = changed(before, after)
    if was:
        actor = Actor(caller.key_name, key.request_id if key else "")
        told = f"{row.public_id}: {', '.join(sorted(was))}"
        timeline_of_intent(row.payment_intent, f"{kind}.described", actor, reason=told)
        draft = EventDraft(f"{kind}.updated", row.public_id, after, was)
        record_of(row.payment_intent, draft, actor, idempotency_key=key.text if key else "")
    return after


def _shown(row: Charge | Refund) -> dict[str, Any]:
    if isinstance(row, Charge):
        return serializers.charge(row, refunded_minor=queries.refunded_minor(row))
    return serializers.refund(row)
