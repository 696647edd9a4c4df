"""A statement as a PDF and as a CSV file. The same statement is always the same file."""

import io
from collections.abc import Iterator
from typing import Any

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from core.money import display
from core.spreadsheet import decimal_text
from payments.statement import CurrencyPart, Statement

COLUMNS = ["merchant", "month", "mode", "currency", "line", "bookings", "amount", "amount_minor"]
# They come with the library and go into the file, so that it reads the same everywhere.
PLAIN, BOLD = "Vera", "VeraBd"
GREY, LINE = colors.HexColor("#5b6470"), colors.HexColor("#c9ced6")
# The frame around the text, which the foot must begin and end with.
PADDING = 6
WIDTHS = [90 * mm, 28 * mm, 47 * mm]
for _name in (PLAIN, BOLD):
    pdfmetrics.registerFont(TTFont(_name, f"{_name}.ttf"))
pdfmetrics.registerFontFamily(PLAIN, normal=PLAIN, bold=BOLD)
TITLE = ParagraphStyle("title", fontName=BOLD, fontSize=15, leading=20)
TEXT = ParagraphStyle("text", fontName=PLAIN, fontSize=9, leading=13)
SMALL = ParagraphStyle("small", parent=TEXT, fontSize=8, leading=11, textColor=GREY)
CURRENCY = ParagraphStyle(
    "currency", parent=TITLE, fontSize=11, leading=16, spaceBefore=6 * mm, spaceAfter=2 * mm
)


def csv_rows(statement: Statement) -> Iterator[list[object]]:
    """What `COLUMNS` names: from the opening to the closing balance of each currency."""
    head = [statement.merchant.public_id, str(statement.month), "live" if statement.livemode else "test"]
    for part in statement.currencies:
        for line, number, minor in _lines(part):
            yield [*head, part.currency, line, number, decimal_text(minor, part.currency), minor]


def pdf(statement: Statement) -> bytes:
    """One page for each few currencies, A4."""
    content = io.BytesIO()
    document = SimpleDocTemplate(
        content,
        pagesize=A4,
        invariant=1,
        title=f"Statement {statement.month}, {statement.merchant.name}",
        author="Tollgate",
        leftMargin=20 * mm,
        rightMargin=20 * mm,
        topMargin=18 * mm,
        bottomMargin=18 * mm,
    )
    story: list[Any] = [*_head(statement)]
    for part in statement.currencies:
        story.append(KeepTogether([Paragraph(part.currency.upper(), CURRENCY), _table(part)]))
    if not statement.currencies:
        story.append(Paragraph("Nothing was booked, and no balance was brought forward.", TEXT))
    document.build(story, onFirstPage=_foot(statement), onLaterPages=_foot(statement))
    return content.getvalue()


def _lines(part: CurrencyPart) -> Iterator[tuple[str, int | None, int]]:
    yield "Opening balance", None, part.opening_minor
    for movement in part.movements:
        yield movement.heading, movement.number, movement.amount_minor
    yield "Closing balance", None, part.closing_minor
    for account, minor in part.parts.items():
        if minor:
            yield f"of which {account.replace('_', ' ').replace(':', ' ')}", None, minor


def _head(statement: Statement) -> list[Any]:
    month = statement.month
    mode = (
        "Live mode" if statement.livemode else '<font color="#b42318"><b>TEST MODE: no real money</b></font>'
    )
    stand = "" if statement.final else "<br/><b>Preliminary: the month is not closed yet.</b>"
    return [
        Paragraph(f"Statement for {month.since:%B %Y}", TITLE),
        Paragraph(_safe(statement.merchant.name), TEXT),
        Paragraph(f"{statement.merchant.public_id} · {mode}", SMALL),
        Spacer(1, 3 * mm),
        Paragraph(
            f"From {month.since:%d %b %Y} 00:00 UTC up to {month.until:%d %b %Y} 00:00 UTC, as booked.{stand}",
            SMALL,
        ),
    ]


def _table(part: CurrencyPart) -> Table:
    rows = [["", "Bookings", "Amount"]]
    style: list[tuple[Any, ...]] = [
        ("FONT", (0, 0), (-1, -1), PLAIN, 9),
        ("FONT", (0, 0), (-1, 0), PLAIN, 8),
        ("TEXTCOLOR", (0, 0), (-1, 0), GREY),
        ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
        ("LEFTPADDING", (0, 0), (0, -1), 0),
        ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
        ("LINEBELOW", (0, 0), (-1, 0), 0.5, LINE),
    ]
    for line, number, minor in _lines(part):
        rows.append([line, "" if number is None else f"{number:,}", display(minor, part.currency)])
        if line.endswith("balance"):
            style.append(("FONT", (0, len(rows) - 1), (-1, len(rows) - 1), BOLD, 9))
        if line == "Closing balance":
            style.append(("LINEABOVE", (0, len(rows) - 1), (-1, len(rows) - 1), 0.5, LINE))
        if line.startswith("of which"):
            style += [
                ("TEXTCOLOR", (0, len(rows) - 1), (-1, len(rows) - 1), GREY),
                ("LEFTPADDING", (0, len(rows) - 1), (0, len(rows) - 1), 14),
            ]
    return Table(rows, colWidths=WIDTHS, style=TableStyle(style), hAlign="LEFT")


def _foot(statement: Statement) -> Any:
    def draw(canvas: Any, document: Any) -> None:
        canvas.setFont(PLAIN, 7)
        canvas.setFillColor(GREY)
        canvas.drawString(
            20 * mm + PADDING, 10 * mm, f"{statement.name} · made {statement.made_at:%d %b %Y %H:%M} UTC"
        )
        canvas.drawRightString(A4[0] - 20 * mm - PADDING, 10 * mm, f"Page {document.page}")

    return draw


def _safe(name: str) -> str:
    """No markup, and nothing that the font can't draw; the id below it is never in doubt."""
    known = pdfmetrics.getFont(PLAIN).face.charToGlyph
    drawn = "".join(letter if ord(letter) in known else "?" for letter in name)
    return drawn.replace("&", "&amp;").replace("<", "&lt;")
