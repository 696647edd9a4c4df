"""Looks after the books while they are in use. Each batch is checked once, when it is sealed; what is open is looked
at again and again. So it costs what is new, and never the history. What it finds is an alert; what has healed
resolves its own."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from controls.models import Alert
from controls.services import raise_alert, resolve_alert
from core.db import in_transaction
from ledger.lines import MAX_AMOUNT_MINOR, amount_text
from ledger.queries import OpenItem, open_items
from ledger.seals import seal_all, unsealed

ACTOR = "monitor"
UNBALANCED, MISPLACED, DOUBT, UNSEALED = (
    "ledger_unbalanced",
    "ledger_misplaced_entry",
    "money_in_doubt",
    "ledger_not_sealed",
)
# A seal is made every few seconds, of all that is older than the oldest transaction that still runs.
MAX_UNSEALED = timedelta(minutes=5)
MAX_ITEMS = 1_000

WRONG_SUMS = """
    SELECT t.reference, t.livemode, t.merchant_id, e.currency, sum(e.amount_minor)
    FROM ledger_transaction t JOIN ledger_entry e ON e.transaction_id = t.id WHERE {covered}
    GROUP BY t.id, e.currency HAVING sum(e.amount_minor) <> 0
"""
WRONG_PLACES = """
    SELECT e.id, t.reference, t.livemode, t.merchant_id, e.currency, e.amount_minor
    FROM ledger_transaction t JOIN ledger_entry e ON e.transaction_id = t.id
    LEFT JOIN ledger_account a ON a.id = e.account_id
    WHERE {covered} AND (a.id IS NULL OR a.currency <> e.currency OR a.livemode <> t.livemode
        OR a.merchant_id IS NOT NULL AND a.merchant_id IS DISTINCT FROM t.merchant_id)
"""

Explain = Callable[[list[OpenItem]], Iterable[str]]
_explanations: list[Explain] = []


def explained_by(explain: Explain) -> Explain:
    """Adds, once, what explains money in doubt: of these open items, the names of those somebody works on. What
    nobody explains is an alert at once, and not only when it is old. For the `ready()` of an app above."""
    if explain not in _explanations:
        _explanations.append(explain)
    return explain


def seal_and_check() -> int:
    """Seals what is new and checks it in the same transaction; how many transactions."""
    return seal_all(check_batch)


def check_batch(covered: str, values: dict[str, Any]) -> None:
    for reference, livemode, merchant_id, currency, difference in _rows(WRONG_SUMS, covered, values):
        raise_alert(
            kind=UNBALANCED,
            subject=f"{reference} {currency}"[:200],
            message=f"Transaction {reference} is out of balance by {amount_text(int(difference), currency)}.",
            livemode=livemode,
            merchant_id=merchant_id,
            currency=currency,
            amount_minor=int(difference) if abs(difference) <= MAX_AMOUNT_MINOR else None,
        )
    for entry_id, reference, livemode, merchant_id, currency, amount_minor in _rows(
        WRONG_PLACES, covered, values
    ):
        raise_alert(
            kind=MISPLACED,
            subject=f"entry {entry_id}",
            message=f"Entry {entry_id} of {reference} has another currency, mode or merchant than its account.",
            livemode=livemode,
            merchant_id=merchant_id,
            currency=currency,
            amount_minor=amount_minor,
        )


@in_transaction
def look_after() -> int:
    """Raises and resolves what has to do with time; how many alerts it raised or renewed."""
    return _doubt() + _not_sealed()


def _doubt() -> int:
    """One alert for each account of doubt, which names the oldest item that nobody explains or that is too old."""
    old = timezone.now() - timedelta(hours=settings.LEDGER_DOUBT_HOURS)
    items = open_items(older_than=MAX_UNSEALED, limit=MAX_ITEMS)
    explained = set().union(*(explain(items) for explain in _explanations)) if _explanations else None
    worst: dict[str, list[OpenItem]] = {}
    for item in items:
        if item.since < old or (explained is not None and item.item not in explained):
            worst.setdefault(_subject(item), []).append(item)
    for subject, found in worst.items():
        oldest, total = found[0], sum(item.amount_minor for item in found)
        raise_alert(
            kind=DOUBT,
            subject=subject,
            message=f"{amount_text(total, oldest.currency)} on {oldest.address} in {len(found)} items; the oldest is "
            f"{oldest.item} with {amount_text(oldest.amount_minor, oldest.currency)}, since "
            f"{oldest.since:%F %T} UTC.",
            livemode=oldest.livemode,
            currency=oldest.currency,
            amount_minor=oldest.amount_minor,
            data={"oldest": oldest.item, "since": oldest.since, "items": [item.item for item in found[:20]]},
        )
    _resolve_healed(DOUBT, keep=set(worst), reason="All of it is confirmed, reversed or explained by now.")
    return len(worst)


def _not_sealed() -> int:
    tail = unsealed()
    if tail.oldest is None or tail.oldest > timezone.now() - MAX_UNSEALED:
        _resolve_healed(UNSEALED, keep=set(), reason="What was waiting is sealed.")
        return 0
    raise_alert(
        kind=UNSEALED,
        subject="books",
        message=f"{tail.transactions:,} transactions are not sealed, the oldest booked at {tail.oldest:%F %T} UTC. "
        "Either the task ledger.seal fails, or a database transaction has been open since then.",
        data={"oldest": tail.oldest, "transactions": tail.transactions},
    )
    return 1


def _resolve_healed(kind: str, *, keep: set[str], reason: str) -> None:
    rows = Alert.objects.filter(kind=kind, state=Alert.State.OPEN).exclude(subject__in=keep)
    for subject in rows.order_by("pk").values_list("subject", flat=True):
        resolve_alert(kind=kind, subject=subject, actor=ACTOR, reason=reason)


def _subject(item: OpenItem) -> str:
    return f"{item.address} {item.currency} {'live' if item.livemode else 'test'}"


def _rows(sql: str, covered: str, values: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql.format(covered=covered), values)
        return list(cursor.fetchall())
