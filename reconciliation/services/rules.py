"""What needs no person: lines that came late, bookings of ours that came late, a line that was reported twice word
for word, and waiting that has become missing. Harmless however often it runs; each says that it was a rule."""

from datetime import date, timedelta
from typing import Any

from django.db import connection

from controls.models import Alert
from core.console import midnight
from core.db import in_transaction
from reconciliation import kinds
from reconciliation.kinds import RULES
from reconciliation.models import Break, BreakEntry, Match
from reconciliation.services.breaks import Found, open_breaks, settle_by_rule
from reconciliation.terms import BANK, Terms

PORTION = 500
# Of notifications that nobody could apply, and of disputes that processors list and nobody knows.
UNKNOWN_NEWS = ("notification_not_applied", "dispute_of_nothing_known")

# A line has come for what was missing or waiting.
CAME_THERE = """
    SELECT b.id, l.number, f.day
    FROM reconciliation_break b
    JOIN reconciliation_match m ON m.booking_id = b.booking_id AND m.settles
    JOIN reconciliation_reportline l ON l.id = m.line_id
    JOIN reconciliation_reportfile f ON f.id = m.file_id
    WHERE b.state = 'open' AND b.kind IN ('timing', 'missing_there') AND b.line_id IS NULL AND b.source = %s
    ORDER BY b.id LIMIT %s
"""
# Our own booking has come for a line that nobody could explain, with the same amount.
CAME_HERE = """
    SELECT b.id, l.id AS line_id, t.id AS booking_id
    FROM reconciliation_break b
    JOIN reconciliation_reportline l ON l.id = b.line_id
    LEFT JOIN payments_operation o ON l.reference <> '' AND o.public_id = l.reference AND o.processor = b.source
    LEFT JOIN payments_dispute d ON d.processor = b.source AND d.processor_id = l.processor_id
    LEFT JOIN payments_charge c ON c.id = o.charge_id
    LEFT JOIN payments_charge late ON late.late_of_id = c.id
    LEFT JOIN payments_refund r ON r.id = o.refund_id
    JOIN payments_balancetransaction t ON t.public_id = CASE l.kind
        WHEN 'charge' THEN coalesce(c.balance_transaction, late.balance_transaction)
        WHEN 'refund' THEN r.balance_transaction
        WHEN 'refund_failure' THEN r.failure_balance_transaction
        WHEN 'dispute' THEN d.balance_transaction
        WHEN 'dispute_reversal' THEN d.reversal_balance_transaction END
    WHERE b.state = 'open' AND b.source = %s
        AND b.kind IN ('missing_here', 'timing', 'status', 'orphan_refund', 'orphan_dispute')
        AND t.currency = l.currency AND t.amount_minor = l.gross_minor
        AND b.booking_id IS NULL
        AND NOT EXISTS (SELECT FROM reconciliation_match m WHERE m.booking_id = t.id AND m.settles)
    ORDER BY b.id LIMIT %s
"""
# A processor has announced, later than it arrived, what our bank had received.
ANNOUNCED_LATER = """
    SELECT DISTINCT ON (b.id) b.id, p.number, f.source, f.day
    FROM reconciliation_break b
    JOIN reconciliation_reportline l ON l.id = b.line_id
    JOIN reconciliation_reportline p ON p.kind = 'payout' AND p.processor_id = l.reference
        AND p.currency = l.currency AND -p.gross_minor = l.gross_minor
    JOIN reconciliation_reportfile f ON f.id = p.file_id AND f.livemode = b.livemode
    WHERE b.state = 'open' AND b.kind = 'missing_here' AND b.source = %s AND l.reference <> ''
        AND NOT EXISTS (SELECT FROM reconciliation_reportline e WHERE e.reference = l.reference AND e.id <> l.id
            AND e.kind IN ('credit', 'debit') AND e.currency = l.currency)
    ORDER BY b.id, p.id LIMIT %s
"""
# Word for word what another line said before, the processor's own id included.
SAID_TWICE = """
    SELECT b.id, other.number, f.day
    FROM reconciliation_break b
    JOIN reconciliation_reportline l ON l.id = b.line_id
    JOIN reconciliation_match m ON m.line_id = l.id
    JOIN reconciliation_match first ON first.booking_id = m.booking_id AND first.settles
        AND first.result = 'matched'
    JOIN reconciliation_reportline other ON other.id = first.line_id
    JOIN reconciliation_reportfile f ON f.id = other.file_id
    WHERE b.state = 'open' AND b.kind = 'duplicate' AND b.source = %s AND NOT b.needs_second_person
        AND l.processor_id <> ''
        AND (l.processor_id, l.kind, l.currency, l.gross_minor, l.fee_minor, l.status, l.occurred_at)
          = (other.processor_id, other.kind, other.currency, other.gross_minor, other.fee_minor, other.status,
             other.occurred_at)
    ORDER BY b.id LIMIT %s
"""


def apply_rules(terms: Terms, *, as_of: date) -> int:
    """How many breaks were resolved or changed, as seen from a day."""
    done = 0
    for pk, number, day in _all(CAME_THERE, terms):
        done += settle_by_rule(
            pk,
            resolution=kinds.NOTHING,
            reason=f"Rule: its line came, number {number} of the report of {day}.",
        )
    for pk, line_id, booking_id in _all(CAME_HERE, terms):
        done += _settle_line(pk, line_id, booking_id)
    for pk, number, day in _all(SAID_TWICE, terms):
        done += settle_by_rule(
            pk,
            resolution=kinds.SETTLE,
            reason=f"Rule: word for word line {number} of the report of {day}, so the processor owes less.",
        )
    if terms.source == BANK:
        for pk, number, source, day in _all(ANNOUNCED_LATER, terms):
            done += settle_by_rule(
                pk,
                resolution=kinds.SETTLE,
                reason=f"Rule: {source} announced it, line {number} of its report of {day}.",
            )
    return done + _now_overdue(terms, as_of)


def alerts_to_breaks() -> int:
    """What a processor reported beyond a bound was booked, and raised an alert: from now on it is a break too."""
    alerts = Alert.objects.filter(kind="bound_exceeded").order_by("-pk")[:PORTION]
    return open_breaks([_found(alert, "bound") for alert in alerts])


def news_to_breaks() -> int:
    """News of what nobody here knows raised an alert, and is a break until that alert is resolved."""
    alerts = Alert.objects.filter(kind__in=UNKNOWN_NEWS, state=Alert.State.OPEN).order_by("-pk")[:PORTION]
    done = open_breaks([_found(alert, "unknown_news") for alert in alerts])
    known = Break.objects.filter(state=Break.State.OPEN, kind="unknown_news").order_by("pk")[:PORTION]
    breaks = {int(one.subject.removeprefix("alert:")): one.pk for one in known}
    for alert in Alert.objects.filter(pk__in=breaks, state=Alert.State.RESOLVED):
        reason = f"Rule: its alert was resolved by {alert.resolved_by}: {alert.resolved_reason}"
        done += settle_by_rule(breaks[alert.pk], resolution=kinds.NOTHING, reason=reason)
    return done


def _found(alert: Alert, kind: str) -> Found:
    data = alert.data or {}
    return Found(
        kind=kind,
        subject=f"alert:{alert.pk}",
        source=str(data.get("processor", "")),
        livemode=bool(alert.livemode),
        currency=alert.currency or "usd",
        at_risk_minor=abs(alert.amount_minor or 0),
        reference=str(data.get("reference", alert.subject)),
        since=alert.first_seen_at,
        text=alert.message,
    )


@in_transaction
def _settle_line(pk: int, line_id: int, booking_id: int) -> bool:
    done = settle_by_rule(pk, resolution=kinds.SETTLE, reason="Rule: our own booking came after the line.")
    if done:
        Match.objects.filter(pk=line_id).update(booking_id=booking_id, settles=True)
    return done


@in_transaction
def _now_overdue(terms: Terms, as_of: date) -> int:
    """Waiting for a line becomes a missing line once its days are over."""
    due = midnight(as_of - timedelta(days=terms.grace_days) + timedelta(days=1))
    late = Break.objects.select_for_update(no_key=True).filter(
        state=Break.State.OPEN, kind="timing", line=None, source=terms.source, since__lt=due
    )
    found = list(late.order_by("pk"))
    for one in found:
        one.kind = "missing_there"
    Break.objects.bulk_update(found, ["kind"])
    BreakEntry.objects.bulk_create(
        BreakEntry(
            about=one, kind="overdue", actor=RULES, text=f"Not in a report until {as_of}.", state="open"
        )
        for one in found
    )
    return len(found)


def _all(sql: str, terms: Terms) -> list[Any]:
    """In portions by whoever calls again; what a person has begun is left to them."""
    with connection.cursor() as cursor:
        cursor.execute(sql, [terms.source, PORTION])
        return list(cursor.fetchall())
