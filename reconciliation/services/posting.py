"""Books a report's lines, each under a reference of its own, in portions that each commit: what a crash leaves is
taken up where it stopped."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from django.db import connection

from core.db import in_transaction
from ledger.lines import Line
from ledger.post_many import Booking, post_many
from payments.bookings import Settlement, bank_line_arrived, bank_paid_out, line_settled
from reconciliation.models import Match, ReportFile
from reconciliation.terms import BANK

PORTION = 2_000
ANNOUNCED = """
    SELECT DISTINCT ON (p.processor_id) p.processor_id, f.source
    FROM reconciliation_reportline p JOIN reconciliation_reportfile f ON f.id = p.file_id
    WHERE p.kind = 'payout' AND p.processor_id = ANY(%s) AND f.livemode = %s
    ORDER BY p.processor_id, p.id
"""


def post_file(file: ReportFile, *, told: Callable[[int], None]) -> None:
    """Every line that moves money is in the ledger when this returns, once."""
    while file.state == ReportFile.State.MATCHED:
        file = _post_portion(file.pk)
        told(file.posted_lines)


@in_transaction
def _post_portion(pk: int) -> ReportFile:
    file = ReportFile.objects.select_for_update(no_key=True).get(pk=pk)
    if file.state == ReportFile.State.POSTED:
        return file
    reach = file.posted_lines + PORTION
    matches = (
        Match.objects.filter(file=file, line__number__gt=file.posted_lines, line__number__lte=reach)
        .select_related("line")
        .order_by("line__number")
    )
    post_many(_bookings(file, list(matches)))
    file.posted_lines = min(reach, file.line_count)
    if file.posted_lines == file.line_count:
        file.post()
    file.save(update_fields=["posted_lines", "state"])
    return file


def _bookings(file: ReportFile, matches: Sequence[Match]) -> list[Booking]:
    sources = _announced(file, matches) if file.source == BANK else {}
    # A processor's clock may be ahead of ours; nothing has happened later than now.
    now = datetime.now(UTC)
    bookings = []
    for match in matches:
        line = match.line
        if lines := _lines(file, match, sources):
            kind = f"settled_{line.kind}" if match.result == "matched" else f"reported_{match.result}"
            reference = f"settlement:{file.pk}:{line.number}"
            bookings.append(
                Booking(reference, kind, lines, file.livemode, occurred_at=min(line.occurred_at, now))
            )
    return bookings


def _lines(file: ReportFile, match: Match, sources: dict[str, str]) -> list[Line]:
    line = match.line
    if file.source == BANK and match.booking_id is not None:
        return bank_paid_out(line.currency, line.gross_minor, expected_minor=match.owed_minor)
    if file.source == BANK:
        source = sources.get(line.reference, BANK)
        return bank_line_arrived(source, line.currency, line.gross_minor, expected_minor=match.owed_minor)
    if line.kind == "payout":
        # It announces what the bank will receive; the lines before it have put it in transit.
        return []
    return line_settled(settlement(file.source, match))


def settlement(processor: str, match: Match) -> Settlement:
    line = match.line
    return Settlement(processor, line.currency, line.net_minor, match.fee_minor, match.owed_minor)


def _announced(file: ReportFile, matches: Sequence[Match]) -> dict[str, str]:
    """Which processor each of the bank's references is of."""
    with connection.cursor() as cursor:
        cursor.execute(ANNOUNCED, [[match.line.reference for match in matches], file.livemode])
        return dict(cursor.fetchall())
