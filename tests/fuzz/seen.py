"""Everything that the database holds at one moment, beside what was seen before: what the invariants judge."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row

from tests.fuzz.bank import Bank

Row = Any
CHANGING = {
    "intents": "payments_paymentintent",
    "charges": "payments_charge",
    "operations": "payments_operation",
    "refunds": "payments_refund",
    "disputes": "payments_dispute",
    "payouts": "payments_payout",
    "balances": "payments_balancetransaction",
    "claims": "idempotency_claim",
    "reviews": "risk_review",
    "decisions": "risk_decision",
}
GROWING = {
    "timeline": "SELECT * FROM payments_timelineentry WHERE id > %s ORDER BY id",
    "events": "SELECT * FROM webhooks_event WHERE id > %s ORDER BY id",
    "entries": """
        SELECT entry.id, entry.currency, entry.amount_minor, transaction_id, reference, kind, address,
               account.livemode, t.merchant_id
        FROM ledger_entry entry JOIN ledger_transaction t ON t.id = transaction_id
        JOIN ledger_account account ON account.id = account_id
        WHERE entry.id > %s ORDER BY entry.id
    """,
}
APPEND_ONLY = (
    "ledger_entry",
    "ledger_transaction",
    "payments_timelineentry",
    "webhooks_event",
    "risk_decision",
)
# What every row of the table says, and what those said that were there before.
DIGEST = """
    SELECT '{0}' AS table, coalesce(max(id), 0) AS newest, md5(string_agg(row::text, '' ORDER BY id)) AS said,
           md5(string_agg(row::text, '' ORDER BY id) FILTER (WHERE id <= %({0})s)) AS said_before
    FROM {0} row
"""
DIGESTS = " UNION ALL ".join(DIGEST.format(table) for table in APPEND_ONLY)


@dataclass
class Seen:
    """One look. `before` is the look before this one, which has forgotten its own."""

    banks: list[Bank]
    complaints: list[str]
    before: "Seen | None" = None
    intents: dict[int, Row] = field(default_factory=dict)
    charges: dict[int, Row] = field(default_factory=dict)
    operations: dict[int, Row] = field(default_factory=dict)
    refunds: dict[int, Row] = field(default_factory=dict)
    disputes: dict[int, Row] = field(default_factory=dict)
    payouts: dict[int, Row] = field(default_factory=dict)
    balances: dict[int, Row] = field(default_factory=dict)
    claims: dict[int, Row] = field(default_factory=dict)
    reviews: dict[int, Row] = field(default_factory=dict)
    decisions: dict[int, Row] = field(default_factory=dict)
    timeline: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    entries: list[Row] = field(default_factory=list)
    outbox: int = 0
    history: dict[str, Row] = field(default_factory=dict)

    def charges_of(self, intent: Row) -> list[Row]:
        return [charge for charge in self.charges.values() if charge.payment_intent_id == intent.id]

    def operations_of(self, charge: Row, *kinds: str) -> list[Row]:
        own = self._operations_by_charge[charge.id]
        return [each for each in own if not kinds or each.kind in kinds]

    def refunds_of(self, charge: Row) -> list[Row]:
        return [refund for refund in self.refunds.values() if refund.charge_id == charge.id]

    def disputes_of(self, charge: Row) -> list[Row]:
        return [dispute for dispute in self.disputes.values() if dispute.charge_id == charge.id]

    def review_of(self, charge: Row) -> Row | None:
        return next((each for each in self.reviews.values() if each.charge == charge.public_id), None)

    def blocked(self, charge: Row) -> bool:
        return charge.decision_id is not None and self.decisions[charge.decision_id].effective == "block"

    def operation_of(self, payout: Row) -> Row:
        return next(each for each in self.operations.values() if each.payout_id == payout.id)

    def available(self, currency: str) -> int:
        """What the merchant could be paid out."""
        return -sum(
            self.balance(address, of) for address, of in self.accounts
            if of == currency and address.startswith("merchant:") and address.endswith(":available")
        )  # fmt: skip

    def intent_of(self, charge: Row) -> Row:
        return self.intents[charge.payment_intent_id]

    def late_successes_of(self, charge: Row) -> list[Row]:
        return [other for other in self.charges.values() if other.late_of_id == charge.id]

    def events_of(self, row: Row) -> list[str]:
        return self._events_by_object[row.public_id]

    def bank(self, name: str) -> Bank:
        return next(bank for bank in self.banks if bank.name == name)

    def balance(self, address: str, currency: str) -> int:
        """Debits less credits."""
        return self._balances[address, currency]

    @cached_property
    def accounts(self) -> list[tuple[str, str]]:
        return list(self._balances)

    @cached_property
    def _balances(self) -> dict[tuple[str, str], int]:
        sums: dict[tuple[str, str], int] = defaultdict(int)
        for entry in self.entries:
            sums[entry.address, entry.currency] += entry.amount_minor
        return sums

    @cached_property
    def _operations_by_charge(self) -> dict[int, list[Row]]:
        return _grouped(self.operations.values(), "charge_id")

    @cached_property
    def _events_by_object(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for event in self.events:
            # An update in words only is none that the states call for.
            only_words = event.type == "refund.updated" and "status" not in (event.previous_attributes or {})
            found[event.object_id].append("refund.described" if only_words else event.type)
        return found


def look(
    connection: psycopg.Connection, banks: list[Bank], complaints: list[str], before: Seen | None
) -> Seen:
    """Once nothing runs any more."""
    if before is not None:
        before.before = None
    seen = Seen(banks, complaints, before)
    cursor: Any = connection.cursor(row_factory=namedtuple_row)
    for name, table in CHANGING.items():
        rows = cursor.execute(f"SELECT * FROM {table} ORDER BY id").fetchall()
        setattr(seen, name, {row.id: row for row in rows})
    for name, sql in GROWING.items():
        known: list[Row] = list(getattr(before, name)) if before else []
        known += cursor.execute(sql, [known[-1].id if known else 0]).fetchall()
        setattr(seen, name, known)
    newest = {table: before.history[table].newest if before else 0 for table in APPEND_ONLY}
    seen.history = {row.table: row for row in cursor.execute(DIGESTS, newest).fetchall()}
    counted = cursor.execute("SELECT count(*) FROM webhooks_outbox").fetchone()
    seen.outbox = counted[0] if counted else 0
    return seen


def _grouped(rows: Iterable[Row], name: str) -> dict[Any, list[Row]]:
    found: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        found[getattr(row, name)].append(row)
    return found
