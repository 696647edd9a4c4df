"""Takes claims, keeps answers, and says what a repeated key may do. PostgreSQL decides; Redis never does."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
from django.db import connection
from django.utils import timezone

from core.db import in_transaction
from core.processes import is_dead, me
from idempotency.errors import KeyInUse, KeyReused, KeyTaken
from idempotency.keys import Answer, Key
from idempotency.models import Claim

# A request without a processor's call ends within a transaction; a minute is far beyond any of them.
SHORT_LEASE_SECONDS = 60
FORGET_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Abandoned:
    """The claim's owner is gone or waits for nobody: whoever asks may close `operation` and keep the answer."""

    claim_id: int
    operation: str


def settle(key: Key) -> Answer | Abandoned | None:
    """What a key that was seen before allows: its answer, the closing of what was left open, or None where
    the key is free after all.

    KeyReused when it came with another request, KeyInUse while a living process works on it.
    """
    claim = Claim.objects.filter(merchant_id=key.merchant_id, livemode=key.livemode, key=key.text).first()
    if claim is None:
        return None
    if claim.fingerprint != key.fingerprint:
        raise KeyReused(key.text)
    if claim.status is not None and claim.body is not None:
        return Answer(claim.status, claim.body, replayed=True, original_request=claim.request_id)
    if claim.owner and claim.lease_until > timezone.now() and not is_dead(claim.owner):
        raise KeyInUse(key.text)
    return Abandoned(claim.pk, claim.operation)


def answer_once(key: Key | None, work: Callable[[], dict[str, Any]]) -> Answer:
    """Does `work` (database only) and keeps its answer in one transaction, or replays what is kept.

    Without a key the work is simply done. An error of the work undoes the claim too.
    """
    if key is None:
        return Answer(200, _text(in_transaction(work)()))
    try:
        return _work_under_claim(key, work)
    except KeyTaken:
        settled = settle(key)
        if isinstance(settled, Answer):
            return settled
        raise KeyInUse(key.text) from None


@in_transaction
def _work_under_claim(key: Key, work: Callable[[], dict[str, Any]]) -> Answer:
    claim_id = take(key, lease_seconds=SHORT_LEASE_SECONDS)
    answer = Answer(200, _text(work()), original_request=key.request_id)
    keep_answer(claim_id, answer)
    return answer


def take(key: Key, *, lease_seconds: float, operation: str = "") -> int:
    """Claims the key inside the caller's transaction; the claim's id. KeyTaken when somebody was first."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO idempotency_claim
                (merchant_id, livemode, key, fingerprint, owner, lease_until, operation, request_id)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (merchant_id, livemode, key) DO NOTHING RETURNING id
            """,
            [
                key.merchant_id,
                key.livemode,
                key.text,
                key.fingerprint,
                me(),
                timezone.now() + timedelta(seconds=lease_seconds),
                operation,
                key.request_id,
            ],
        )
        row = cursor.fetchone()
    if row is None:
        raise KeyTaken
    return int(row[0])


def keep_answer(claim_id: int, answer: Answer) -> bool:
    """Keeps a final answer, inside the transaction of the change it tells of. False where one is kept already."""
    return bool(
        Claim.objects.filter(pk=claim_id, answered_at=None).update(
            status=answer.status, body=answer.body, answered_at=timezone.now(), owner=""
        )
    )


def hand_on(claim_id: int, *, operation: str) -> None:
    """The claim waits for another operation from now on, inside the transaction that opened it."""
    Claim.objects.filter(pk=claim_id, answered_at=None).update(operation=operation)


def let_go(claim_id: int) -> None:
    """The owner stops waiting while the outcome is open: a retry may look for it at once."""
    Claim.objects.filter(pk=claim_id, answered_at=None).update(owner="")


def take_over(claim: Abandoned, *, lease_seconds: float) -> bool:
    """Makes this process the owner of an abandoned claim. False where another was quicker."""
    now = timezone.now()
    seen = Claim.objects.filter(pk=claim.claim_id, answered_at=None).first()
    if seen is None or (seen.owner and seen.lease_until > now and not is_dead(seen.owner)):
        return False
    return bool(
        Claim.objects.filter(
            pk=claim.claim_id, answered_at=None, owner=seen.owner, lease_until=seen.lease_until
        ).update(owner=me(), lease_until=now + timedelta(seconds=lease_seconds))
    )


def forget_old_keys(*, keep: timedelta) -> int:
    """Removes answered claims older than `keep`, in small batches; how many."""
    removed = 0
    while True:
        batch = list(
            Claim.objects.filter(created_at__lt=timezone.now() - keep, answered_at__isnull=False).values_list(
                "pk", flat=True
            )[:FORGET_BATCH]
        )
        if not batch:
            return removed
        removed += Claim.objects.filter(pk__in=batch).delete()[0]


def _text(data: dict[str, Any]) -> str:
    return msgspec.json.encode(data).decode()
