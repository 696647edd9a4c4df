"""What merchants have becomes available, each balance transaction on its own date, under its charge's lock."""

import time

from django.db import connection
from django.utils import timezone

from core.db import in_transaction, load_statement, release_connection
from ledger.services import post
from merchants.models import Merchant
from payments import bookings, queries, serializers
from payments.models import BalanceTransaction, Refund
from payments.services.reserves import hold_reserves
from webhooks.kick import kick
from webhooks.services import record_event

LOCK_DUE = load_statement("lock_due_charges.sql")
BATCH = 100
# The next beat goes on; a worker has other things to do as well.
RUN_SECONDS = 20.0


def make_available() -> int:
    """Moves all that is due; how many balance transactions. Two at once never take the same charge."""
    until = time.monotonic() + RUN_SECONDS
    total = 0
    while time.monotonic() < until and (moved := _move_batch()):
        total += moved
        kick()
        release_connection()
    return total


@in_transaction
def _move_batch() -> int:
    # Locked first, read after: the rows' own snapshot must be later than the locks.
    with connection.cursor() as cursor:
        cursor.execute(LOCK_DUE, {"limit": BATCH})
        charges = [row[0] for row in cursor.fetchall()]
    if not charges:
        return 0
    due = BalanceTransaction.objects.exclude(state=BalanceTransaction.State.AVAILABLE).filter(
        charge_id__in=charges, available_on__lte=timezone.now()
    )
    rows = list(due.select_related("merchant", "charge").order_by("pk"))
    for row in rows:
        _book(row, row.net_minor, reserved=row.state == BalanceTransaction.State.RESERVED)
    BalanceTransaction.objects.filter(pk__in=[row.pk for row in rows]).update(
        state=BalanceTransaction.State.AVAILABLE
    )
    _move_open_refunds(
        [row.charge_id for row in rows if row.charge_id and row.type == BalanceTransaction.Type.CHARGE]
    )
    hold_reserves(rows)
    for merchant_id, livemode in sorted({(row.merchant_id, row.livemode) for row in rows}):
        _tell(merchant_id, livemode)
    return len(rows)


def _tell(merchant_id: int, livemode: bool) -> None:
    """A balance has no row of its own to lock: its events are numbered under the merchant's."""
    merchant = Merchant.objects.select_for_update(no_key=True).get(pk=merchant_id)
    record_event(
        merchant_id=merchant_id,
        livemode=livemode,
        type="balance.available",
        object_id=f"balance_{merchant.public_id}",
        data=serializers.balance(queries.balance(merchant_id, livemode=livemode), livemode=livemode),
    )


def _move_open_refunds(charges: list[int]) -> None:
    """What is on its way back to a cardholder goes with its sale: it must not be paid out meanwhile."""
    refunds = Refund.objects.filter(
        charge_id__in=charges, state=Refund.State.PENDING, voids=False, from_available=False
    )
    rows = list(refunds.select_related("merchant").order_by("pk"))
    for row in rows:
        _book(row, -row.amount_minor)
    Refund.objects.filter(pk__in=[row.pk for row in rows]).update(from_available=True)


def _book(row: BalanceTransaction | Refund, net_minor: int, *, reserved: bool = False) -> None:
    booking = bookings.reserve_released if reserved else bookings.became_available
    lines = booking(row.merchant.public_id, row.currency, net_minor)
    if lines:
        post(
            reference=f"{row.public_id}:available",
            kind="reserve_released" if reserved else "became_available",
            lines=lines,
            livemode=row.livemode,
            merchant_id=row.merchant_id,
        )
