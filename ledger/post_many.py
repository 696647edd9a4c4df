"""Thousands of postings in one statement, for whoever books whole files. The same door as `services.post`: lines are
checked, a reference is booked once, and PostgreSQL checks every transaction again. What moves a limited account
toward its limit goes through that door itself, one after the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from core.db import in_transaction
from ledger.accounts import account_ids
from ledger.lines import Line, check_balanced, merchant_of
from ledger.models import LedgerLimit, LedgerTransaction
from ledger.services import post

# An entry carries the place of its header in the batch until the header has its id.
WRITE = """
    WITH given AS (
        SELECT * FROM unnest(%(references)s::text[], %(kinds)s::text[], %(livemodes)s::boolean[],
                             %(merchants)s::bigint[], %(moments)s::timestamptz[])
            AS given (reference, kind, livemode, merchant_id, occurred_at)
    ), headers AS (
        INSERT INTO ledger_transaction (reference, kind, livemode, merchant_id, occurred_at)
        SELECT reference, kind, livemode, nullif(merchant_id, 0), coalesce(occurred_at, now()) FROM given
        ON CONFLICT DO NOTHING
        RETURNING id, reference
    ), entries AS (
        INSERT INTO ledger_entry (transaction_id, account_id, currency, amount_minor)
        SELECT headers.id, line.account_id, line.currency, line.amount_minor
        FROM unnest(%(line_references)s::text[], %(accounts)s::bigint[], %(currencies)s::text[],
                    %(amounts)s::bigint[]) AS line (reference, account_id, currency, amount_minor)
        JOIN headers USING (reference)
    )
    SELECT reference FROM headers
"""

# By address, currency and mode.
Accounts = dict[tuple[str, str, bool], int]


@dataclass(frozen=True, slots=True)
class Booking:
    """What one call of `post` is given."""

    reference: str
    kind: str
    lines: Sequence[Line]
    livemode: bool
    merchant_id: int | None = None
    occurred_at: datetime | None = None


def post_many(bookings: Sequence[Booking]) -> int:
    """Books each once, all of them or none; how many were new. Inside the caller's `atomic()`, or in a transaction of
    its own. What was booked before is compared, and raises as `post` does; so does what a limit forbids. ValueError
    for a reference that is there twice."""
    if not bookings:
        return 0
    for booking in bookings:
        check_balanced(booking.lines)
    if len({booking.reference for booking in bookings}) < len(bookings):
        raise ValueError("Two bookings of one call have the same reference.")
    accounts = account_ids(
        (line.address, line.currency, booking.livemode, merchant_of(line.address, booking.merchant_id))
        for booking in bookings
        for line in booking.lines
    )
    return _book(bookings, accounts)


@in_transaction
def _book(bookings: Sequence[Booking], accounts: Accounts) -> int:
    limited = _limited(bookings, accounts)
    known = LedgerTransaction.objects.filter(reference__in=[one.reference for one in limited]).count()
    for booking in limited:
        _post(booking)
    alone = {booking.reference for booking in limited}
    rest = [booking for booking in bookings if booking.reference not in alone]
    return len(limited) - known + _write(rest, accounts)


def _limited(bookings: Sequence[Booking], accounts: Accounts) -> list[Booking]:
    """Those that debit an account which has limits."""
    has_limits = set(
        LedgerLimit.objects.filter(account_id__in=accounts.values()).values_list("account_id", flat=True)
    )
    return [
        booking
        for booking in bookings
        if has_limits
        and any(
            line.amount_minor > 0 and accounts[line.address, line.currency, booking.livemode] in has_limits
            for line in booking.lines
        )
    ]


def _write(bookings: Sequence[Booking], accounts: Accounts) -> int:
    with connection.cursor() as cursor:
        cursor.execute(WRITE, _values(bookings, accounts))
        new = {reference for (reference,) in cursor.fetchall()}
    for booking in bookings:
        if booking.reference not in new:
            _post(booking)
    return len(new)


def _values(bookings: Sequence[Booking], accounts: Accounts) -> dict[str, list[object]]:
    lines = [
        (booking.reference, accounts[line.address, line.currency, booking.livemode], line)
        for booking in bookings
        for line in booking.lines
    ]
    return {
        "references": [booking.reference for booking in bookings],
        "kinds": [booking.kind for booking in bookings],
        "livemodes": [booking.livemode for booking in bookings],
        "merchants": [booking.merchant_id or 0 for booking in bookings],
        "moments": [booking.occurred_at for booking in bookings],
        "line_references": [reference for reference, _, _ in lines],
        "accounts": [account for _, account, _ in lines],
        "currencies": [line.currency for _, _, line in lines],
        "amounts": [line.amount_minor for _, _, line in lines],
    }


def _post(booking: Booking) -> None:
    post(
        reference=booking.reference,
        kind=booking.kind,
        lines=booking.lines,
        livemode=booking.livemode,
        merchant_id=booking.merchant_id,
        occurred_at=booking.occurred_at,
    )
