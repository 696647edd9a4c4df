"""An account's statement: its entries, the latest first, each with the balance after it."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from ledger.models import LedgerAccount

PAGE = 50

# One statement, so that rows and balance are of one moment. The rows are those booked until `at`, in the order of
# their ids; the balance after the first is that of all of them less what comes before it on earlier pages. The last
# hour that may hold such rows says where to begin.
PAGE_OF = """
    WITH mark AS MATERIALIZED (SELECT * FROM ledger_mark()),
    newest AS MATERIALIZED (
        SELECT CASE WHEN %(at)s::timestamptz IS NULL OR mark.watermark IS NULL THEN {highest} ELSE greatest(
            (SELECT max(last_entry_id) FROM ledger_hour WHERE account_id = %(account)s AND hour <= %(at)s),
            (SELECT max(e.id) FROM ledger_transaction t JOIN ledger_entry e ON e.transaction_id = t.id
             WHERE t.xid >= mark.watermark AND t.id > mark.base_id AND e.account_id = %(account)s)
        ) END AS id FROM mark
    ), shown AS (
        SELECT e.id, e.amount_minor, t.id AS transaction_id, t.reference, t.kind, t.occurred_at, t.booked_at
        FROM ledger_entry e JOIN ledger_transaction t ON t.id = e.transaction_id
        WHERE e.account_id = %(account)s AND e.id <= (SELECT id FROM newest)
            AND e.id < coalesce(%(before)s, {highest} + 1)
            AND t.booked_at <= coalesce(%(at)s::timestamptz, 'infinity')
        ORDER BY e.id DESC LIMIT %(limit)s
    ), top AS MATERIALIZED (
        SELECT coalesce((SELECT debit - credit FROM ledger_sums(%(account)s, %(at)s::timestamptz, false)), 0)
            - CASE WHEN %(before)s::bigint IS NULL THEN 0 ELSE coalesce((
                SELECT sum(e.amount_minor) FROM ledger_entry e JOIN ledger_transaction t ON t.id = e.transaction_id
                WHERE e.account_id = %(account)s AND e.id >= %(before)s AND e.id <= (SELECT id FROM newest)
                    AND t.booked_at <= coalesce(%(at)s::timestamptz, 'infinity')), 0) END AS balance
    )
    SELECT shown.id, transaction_id, reference, kind, occurred_at, booked_at, amount_minor,
        ((SELECT balance FROM top) - coalesce(sum(amount_minor) OVER (
            ORDER BY shown.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0))::bigint AS balance
    FROM shown ORDER BY shown.id DESC
""".replace("{highest}", str(2**63 - 2))


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One entry, and what the account's balance was after it."""

    entry_id: int
    transaction_id: int
    reference: str
    kind: str
    occurred_at: datetime
    booked_at: datetime
    amount_minor: int
    balance_minor: int

    @property
    def debit_minor(self) -> int:
        return max(self.amount_minor, 0)

    @property
    def credit_minor(self) -> int:
        return max(-self.amount_minor, 0)


@dataclass(frozen=True, slots=True)
class Page:
    """Some lines of a statement, the latest first. `next_before` asks for the page that follows; None on the last."""

    lines: list[StatementLine]
    next_before: int | None


def statement(
    account: LedgerAccount, *, at: datetime | None = None, before: int | None = None, limit: int = PAGE
) -> Page:
    """The account's entries as they were booked, now or as of a moment, which is counted in. `before` is an entry's
    id, from `next_before` of an earlier page."""
    asked = {"account": account.pk, "at": at, "before": before, "limit": limit + 1}
    with connection.cursor() as cursor:
        cursor.execute(PAGE_OF, asked)
        lines = [StatementLine(*row) for row in cursor.fetchall()]
    more = len(lines) > limit
    return Page(lines[:limit], lines[limit - 1].entry_id if more else None)
