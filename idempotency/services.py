"""Takes claims, keeps answers, and says what a repeated key may do. PostgreSQL decides; Redis never does."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from core.db import in_transaction
from core.faults import fault_point
from core.processes import is_dead, me
from idempotency.errors import KeyInUse, KeyReused, KeyTaken
from idempotency.keys import Answer, Key
from idempotency.models import Claim

FORGET_BATCH = 1_000

before_commit = fault_point("request.before_commit")
after_commit = fault_point("request.after_commit")


@dataclass(frozen=True, slots=True)
class Abandoned:
    """The claim's owner is gone or waits for nobody: whoever asks may close `operation` and keep the answer."""

    claim_id: int
    operation: str
    owner: str
    lease_until: datetime


def settle(key: Key) -> Answer | Abandoned | None:
    """What a key that was seen before allows: its answer, the closing of what was left open, or None where
    the key is free after all.

    KeyReused when it came with another request, KeyInUse while a living process works on it.
    """
    found = Claim.objects.filter(merchant_id=key.merchant_id, livemode=key.livemode, key=key.text)
    # PostgreSQL's clock for all: no machine's own may cut another's lease short.
    claim = found.annotate(leased=Q(lease_until__gt=Now())).first()
    if claim is None:
        return None
    if claim.fingerprint != key.fingerprint:
        raise KeyReused(key.text)
    if kept := _kept(claim):
        return kept
    if claim.owner and claim.leased and not is_dead(claim.owner):
        raise KeyInUse(key.text)
    return Abandoned(claim.pk, claim.operation, claim.owner, claim.lease_until)


def kept_under(claim_id: int) -> Answer | None:
    """The claim's answer, if it has one by now and was not forgotten."""
    claim = Claim.objects.filter(pk=claim_id).first()
    return _kept(claim) if claim else None


def _kept(claim: Claim) -> Answer | None:
    if claim.status is None or claim.body is None:
        return None
    return Answer(claim.status, claim.body, replayed=True, original_request=claim.request_id)


def answer_once(key: Key | None, work: Callable[[], dict[str, Any]]) -> Answer:
    """Does `work` (database only) and keeps its answer in one transaction, or replays what is kept.

    Without a key the work is simply done. An error of the work undoes the claim too.
    """
    if key is None:
        return Answer(200, _text(in_transaction(work)()))
    try:
        answer = _work_under_claim(key, work)
    except KeyTaken:
        settled = settle(key)
        if isinstance(settled, Answer):
            return settled
        raise KeyInUse(key.text) from None
    after_commit()
    return answer


@in_transaction
def _work_under_claim(key: Key, work: Callable[[], dict[str, Any]]) -> Answer:
    claim_id = take(key)
    answer = Answer(200, _text(work()), original_request=key.request_id)
    keep_answer(claim_id, answer)
    before_commit()
    return answer


def keep_refusal(key: Key, answer: Answer) -> Answer:
    """Keeps a refusal that nothing was done for, and gives it back; or the answer that somebody else kept meanwhile.
    KeyReused, KeyInUse."""
    try:
        _refuse_under_claim(key, answer)
    except KeyTaken:
        settled = settle(key)
        return settled if isinstance(settled, Answer) else answer
    return replace(answer, original_request=key.request_id)


@in_transaction
def _refuse_under_claim(key: Key, answer: Answer) -> None:
    keep_answer(take(key), answer)


def take(key: Key, *, operation: str = "") -> int:
    """Claims the key inside the caller's transaction; the claim's id. KeyTaken when somebody was first."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO idempotency_claim
                (merchant_id, livemode, key, fingerprint, owner, lease_until, operation, request_id)
            VALUES (%s, %s, %s, %s, %s, now() + %s * interval '1 second', %s, %s)
            ON CONFLICT (merchant_id, livemode, key) DO NOTHING RETURNING id
            """,
            [
                key.merchant_id,
                key.livemode,
                key.text,
                key.fingerprint,
                me(),
                settings.IDEMPOTENCY_LEASE_SECONDS,
                operation,
                key.request_id,
            ],
        )
        row = cursor.fetchone()
    if row is None:
        raise KeyTaken
    return int(row[0])


def keep_answer(claim_id: int, answer: Answer) -> bool:
    """Keeps a final answer, inside the transaction of the change it tells of. False where one is kept already.

    Whoever ends what a claim waits for holds its operation's lock, and with that the claim: see `is_ours` for those
    who may have lost it.
    """
    return bool(
        Claim.objects.filter(pk=claim_id, answered_at=None).update(
            status=answer.status, body=answer.body, answered_at=timezone.now(), owner=""
        )
    )


def is_ours(claim_id: int | None) -> bool:
    """Whether this process still is the one to answer, looked at under the claim's lock. A process that was frozen
    for longer than its lease may find that it is not."""
    if claim_id is None:
        return True
    claim = Claim.objects.select_for_update(no_key=True).filter(pk=claim_id, answered_at=None).first()
    return claim is not None and claim.owner in (me(), "")


def hand_on(claim_id: int, *, operation: str) -> None:
    """The claim waits for another operation from now on, inside the transaction that opened it."""
    Claim.objects.filter(pk=claim_id, answered_at=None).update(operation=operation)


def let_go(claim_id: int) -> None:
    """This process stops waiting while the outcome is open: a retry may look for it at once."""
    Claim.objects.filter(pk=claim_id, answered_at=None, owner=me()).update(owner="")


def take_over(claim: Abandoned) -> bool:
    """Makes this process the owner of a claim that is still as it was seen. False where another was quicker."""
    as_seen = Claim.objects.filter(
        pk=claim.claim_id,
        answered_at=None,
        owner=claim.owner,
        lease_until=claim.lease_until,
        operation=claim.operation,
    )
    lease = timedelta(seconds=settings.IDEMPOTENCY_LEASE_SECONDS)
    return bool(as_seen.update(owner=me(), lease_until=Now() + lease))


def forget_old_keys(*, keep: timedelta) -> int:
    """Removes claims that were answered longer ago than `keep`, in small batches; how many."""
    removed = 0
    while True:
        past = timezone.now() - keep
        # The answer's age counts; that of the claim, which is older still, is what there is an index for.
        old = Claim.objects.filter(created_at__lt=past, answered_at__lt=past)
        batch = list(old.values_list("pk", flat=True)[:FORGET_BATCH])
        if not batch:
            return removed
        removed += Claim.objects.filter(pk__in=batch).delete()[0]


def _text(data: dict[str, Any]) -> str:
    return msgspec.json.encode(data).decode()
