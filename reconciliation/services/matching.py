"""Compares a stored report with our books: one statement gives every line its result, and what does not match becomes
a break."""

from datetime import timedelta
from typing import Any

from django.db import connection

from core.console import midnight
from core.db import load_statement
from reconciliation.models import ReportFile
from reconciliation.services.breaks import Found, open_breaks
from reconciliation.terms import BANK, Terms

MATCH_REPORT = load_statement("match_report.sql")
MATCH_STATEMENT = load_statement("match_statement.sql")
PORTION = 1_000
# How far back a report's own ids are looked for, where it does not repeat our reference.
OLDEST_DAYS = 180


def match(file: ReportFile, terms: Terms) -> int:
    """Inside the caller's transaction; how many breaks it opened."""
    begins = midnight(file.day)
    values: dict[str, Any] = {
        "file": file.pk,
        "source": terms.source,
        "livemode": terms.livemode,
        "begins": begins,
        "ends": begins + timedelta(days=1),
        "oldest": begins - timedelta(days=OLDEST_DAYS),
        "basis_points": terms.basis_points,
        "fixed_minor": terms.fixed_minor,
    }
    opened = 0
    with connection.cursor() as cursor:
        cursor.execute(MATCH_STATEMENT if terms.source == BANK else MATCH_REPORT, values)
        names = [column.name for column in cursor.description]
        while rows := cursor.fetchmany(PORTION):
            opened += open_breaks([_found(dict(zip(names, row, strict=True)), file, terms) for row in rows])
    return opened


def _found(row: dict[str, Any], file: ReportFile, terms: Terms) -> Found:
    ours_alone = row["line_id"] is None
    kind = row["result"]
    if ours_alone and row["booked_at"].date() + timedelta(days=terms.grace_days) > file.day:
        kind = "timing"
    return Found(
        kind=kind,
        subject=f"booking:{row['booking']}" if ours_alone else f"line:{row['line_id']}",
        source=terms.source,
        livemode=terms.livemode,
        currency=row["currency"],
        at_risk_minor=_at_risk(row),
        suspense_minor=row["suspense_minor"] or 0,
        line_id=row["line_id"],
        booking_id=row["booking_id"],
        reference=row["reference"] or row["processor_id"] or row["booking"] or "",
        since=row["booked_at"] if ours_alone else row["occurred_at"],
        text=f"Found in the report of {file.day}.",
    )


def _at_risk(row: dict[str, Any]) -> int:
    match row["result"]:
        case "missing_there":
            return abs(int(row["our_minor"]))
        case "amount":
            return abs(int(row["gross_minor"] - (row["our_minor"] or 0)))
        case "fee":
            return abs(int(row["fee_minor"] - row["agreed_fee_minor"]))
        case _:
            return abs(int(row["gross_minor"]))
