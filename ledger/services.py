"""The only two doors into the books: `post` writes a transaction once, `reverse` writes its opposite once.
Neither takes a lock, but on an account that it moves toward a limit (`ledger/limits.py`). PostgreSQL checks every
posting again (migrations 0003 and 0004)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError

from core.db import constraint_of, in_transaction
from core.errors import Overtaken
from ledger.accounts import account_ids
from ledger.errors import AlreadyReversed, ReferenceReused
from ledger.limits import check_limits, lock_limited
from ledger.lines import Line, check_balanced, describe_booking, merchant_of, reversed_lines
from ledger.models import LedgerTransaction
from ledger.queries import lines_of

# One statement: the check of the entries runs once, and a reference that exists leaves nothing behind.
# No conflict target, because a reversal can meet either of two unique indexes.
WRITE = """
    WITH header AS (
        INSERT INTO ledger_transaction (reference, kind, livemode, merchant_id, occurred_at, reverses_id)
        VALUES (%(reference)s, %(kind)s, %(livemode)s, %(merchant_id)s,
                coalesce(%(occurred_at)s::timestamptz, now()), %(reverses_id)s)
        ON CONFLICT DO NOTHING
        RETURNING *
    ), entries AS (
        INSERT INTO ledger_entry (transaction_id, account_id, currency, amount_minor)
        SELECT header.id, line.account_id, line.currency, line.amount_minor
        FROM header, unnest(%(accounts)s::bigint[], %(currencies)s::text[], %(amounts)s::bigint[])
            AS line (account_id, currency, amount_minor)
    )
    SELECT * FROM header
"""


@dataclass(frozen=True, slots=True)
class Posting:
    """What is to be booked, whichever door it came through."""

    reference: str
    kind: str
    lines: Sequence[Line]
    livemode: bool
    merchant_id: int | None
    occurred_at: datetime | None
    reverses_id: int | None = None

    def __str__(self) -> str:
        return describe_booking(self.kind, self.livemode, self.reverses_id, self.lines)


def post(
    *,
    reference: str,
    kind: str,
    lines: Sequence[Line],
    livemode: bool,
    merchant_id: int | None = None,
    occurred_at: datetime | None = None,
) -> LedgerTransaction:
    """Books the lines under the reference, once, however often and from however many threads it is called;
    every caller gets the same transaction. Inside the caller's `atomic()`, or in a transaction of its own.

    Accounts are made where missing; those at `merchant:…` belong to `merchant_id`. Without `occurred_at`, it
    happened now. Unbalanced or LineInvalid for lines that are no booking; AccountMismatch for another
    merchant's account; ReferenceReused, showing both, when the reference has another kind, mode or lines.
    LimitExceeded, before anything is written, where the kind may not take an account's balance so high
    (`ledger.limits.set_limit`); the account stays locked until the caller's transaction ends.
    """
    return _book(Posting(reference, kind, lines, livemode, merchant_id, occurred_at))


def reverse(
    transaction: LedgerTransaction,
    *,
    reference: str,
    kind: str = "reversal",
    occurred_at: datetime | None = None,
) -> LedgerTransaction:
    """Books the exact opposite of a transaction, once. AlreadyReversed when that was done under another
    reference; ReferenceReused when the reference is something else."""
    lines = reversed_lines(lines_of(transaction))
    return _book(
        Posting(
            reference, kind, lines, transaction.livemode, transaction.merchant_id, occurred_at, transaction.pk
        )
    )


def _book(posting: Posting) -> LedgerTransaction:
    check_balanced(posting.lines)
    # Before the transaction when it is ours: new accounts are committed at once, and nobody waits for them.
    accounts = account_ids(
        (line.address, line.currency, posting.livemode, merchant_of(line.address, posting.merchant_id))
        for line in posting.lines
    )
    ids = [accounts[line.address, line.currency, posting.livemode] for line in posting.lines]
    return _write(posting, ids)


@in_transaction
def _write(posting: Posting, account_ids: list[int]) -> LedgerTransaction:
    moves: Counter[int] = Counter()
    for account_id, line in zip(account_ids, posting.lines, strict=True):
        moves[account_id] += line.amount_minor
    if limits := lock_limited(posting.kind, moves):
        # What is booked already is not held against its own repetition.
        if LedgerTransaction.objects.filter(reference=posting.reference).exists():
            return _booked_before(posting)
        check_limits(posting, limits, moves)
    values = {
        "reference": posting.reference,
        "kind": posting.kind,
        "livemode": posting.livemode,
        "merchant_id": posting.merchant_id,
        "occurred_at": posting.occurred_at,
        "reverses_id": posting.reverses_id,
        "accounts": account_ids,
        "currencies": [line.currency for line in posting.lines],
        "amounts": [line.amount_minor for line in posting.lines],
    }
    try:
        written = list(LedgerTransaction.objects.raw(WRITE, values))
    except IntegrityError as error:
        if constraint_of(error) == "within_limits":
            # What needs to ask nobody was booked since we asked.
            raise Overtaken from error
        raise
    return written[0] if written else _booked_before(posting)


def _booked_before(posting: Posting) -> LedgerTransaction:
    """The transaction that already has the reference: a statement of its own, since only a later snapshot
    sees what the insert has just waited for."""
    existing = LedgerTransaction.objects.filter(reference=posting.reference).first()
    if existing is None:
        raise _already_reversed(posting)
    lines = lines_of(existing)
    same = (
        existing.kind == posting.kind
        and existing.livemode == posting.livemode
        and existing.reverses_id == posting.reverses_id
        and Counter(lines) == Counter(posting.lines)
    )
    if not same:
        booked = describe_booking(existing.kind, existing.livemode, existing.reverses_id, lines)
        raise ReferenceReused(
            f"Ledger reference {posting.reference} is booked as {booked}; refused: {posting}."
        )
    return existing


def _already_reversed(posting: Posting) -> AlreadyReversed:
    reversal = LedgerTransaction.objects.get(reverses=posting.reverses_id)
    return AlreadyReversed(
        f"Ledger transaction {posting.reverses_id} was reversed by {reversal.reference}; "
        f"refused: {posting.reference}."
    )
