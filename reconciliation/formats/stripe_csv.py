"""Stripe's itemised balance report (`balance_change_from_activity.itemized` and its like): decimal amounts as text.
It has no trailer: a file that ends inside a row is refused, one cut between two rows cannot be told. Pure."""

from collections.abc import Iterator
from datetime import date
from typing import IO

from reconciliation.formats.lines import (
    FileRefused,
    Line,
    read_currency,
    read_decimal,
    read_moment,
    read_text,
    rows,
)

NEEDED = "balance_transaction_id created currency gross fee net reporting_category".split()
# Their reporting categories in our words; all others are shown as `other` and wait for a person.
CATEGORIES = {
    "charge": "charge",
    "refund": "refund",
    "partial_capture_reversal": "refund",
    "refund_failure": "refund_failure",
    "dispute": "dispute",
    "dispute_reversal": "dispute_reversal",
    "fee": "fee",
    "network_cost": "fee",
    "payout": "payout",
}
# Where the reference that we gave to Stripe as metadata comes back, when the report was asked to show it.
REFERENCES = ("payment_metadata[tollgate_reference]", "refund_metadata[tollgate_reference]")


class StripeReport:
    """See `lines.Report`. The day is that of the first line."""

    def __init__(self, content: IO[bytes]) -> None:
        self.day: date | None = None
        self._rows = rows(content)

    def lines(self) -> Iterator[Line]:
        at, names = next(self._rows, (1, []))
        missing = [name for name in NEEDED if name not in names]
        if missing:
            raise FileRefused(f"the column {missing[0]} is missing.", at)
        for number, (at, row) in enumerate(self._rows, start=1):
            if len(row) != len(names):
                raise FileRefused(f"{len(row)} columns instead of {len(names)}.", at)
            line = _line(number, dict(zip(names, row, strict=True)), at)
            self.day = self.day or line.occurred_at.date()
            yield line


def _line(number: int, row: dict[str, str], at: int) -> Line:
    currency = read_currency(row["currency"], at)
    kind = CATEGORIES.get(row["reporting_category"], "other")
    # Of two columns the one that fits: a refund shows its payment's metadata too.
    named = REFERENCES[kind.startswith("refund")]
    line = Line(
        number=number,
        kind=kind,
        reference=read_text(row.get(named, ""), named, at),
        processor_id=read_text(row.get("source_id") or row["balance_transaction_id"], "source_id", at),
        related_id=read_text(row.get("payment_intent_id", ""), "payment_intent_id", at),
        currency=currency,
        gross_minor=read_decimal(row["gross"], currency, "gross", at),
        fee_minor=read_decimal(row["fee"], currency, "fee", at),
        status="settled",
        occurred_at=read_moment(row["created"], "created", at),
    )
    if line.net_minor != read_decimal(row["net"], currency, "net", at):
        raise FileRefused(f"net {row['net'][:40]} is not gross minus fee.", at)
    return line
