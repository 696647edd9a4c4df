"""Files for spreadsheets: no cell is a formula, no amount loses a cent, and no file is in memory as a whole."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest

from core.spreadsheet import ROWS_IN_A_PIECE, cell, csv_pieces, decimal_text


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_a_text_that_could_be_a_formula_is_a_text(sign: str) -> None:
    assert cell(f"{sign}cmd|' /C calc'!A0") == f"'{sign}cmd|' /C calc'!A0"
    assert cell(f" {sign}=1") == f"' {sign}=1"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *[(-150, "-150"), ("-1.50", "-1.50"), ("op_1", "op_1"), (None, ""), (True, "yes"), ("", "")],
        *[
            (datetime(2026, 10, 1, 12, tzinfo=UTC), "2026-10-01T12:00:00+00:00"),
            (date(2026, 10, 1), "2026-10-01"),
        ],
        *[({"a": "é"}, '{"a": "é"}'), (b"\x0f", "0f"), ("-1.5.0", "'-1.5.0"), ("-1\n=2", "'-1\n=2")],
    ],
)
def test_what_is_none_stays_as_it_is(value: object, text: str) -> None:
    assert cell(value) == text


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        *[(123_450, "eur", "1234.50"), (-5, "usd", "-0.05"), (1_980, "jpy", "1980"), (1, "kwd", "0.001")],
        *[(None, "eur", ""), (7, "xyz", "7"), (9_007_199_254_740_993, "usd", "90071992547409.93")],
    ],
)
def test_an_amount_is_written_in_its_currency_s_decimals(minor: int | None, currency: str, text: str) -> None:
    assert decimal_text(minor, currency) == text


def test_a_file_is_made_as_it_is_read() -> None:
    taken = 0

    def rows() -> Iterator[list[object]]:
        nonlocal taken
        for taken in range(1, 3 * ROWS_IN_A_PIECE + 2):
            yield [taken, 'a "quoted", text\nof two lines']

    pieces = csv_pieces(["number", "text"], rows())
    first = next(pieces)
    assert taken == ROWS_IN_A_PIECE
    header, *read = csv.reader(io.StringIO((first + "".join(pieces)).removeprefix("\ufeff")))
    assert header == ["number", "text"]
    assert [row[0] for row in read] == [str(number) for number in range(1, 3 * ROWS_IN_A_PIECE + 2)]
    assert read[0][1] == 'a "quoted", text\nof two lines'
