"""Reports read line by line: what is whole is read exactly, and what is not is refused with its line."""

import io
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import CURRENCIES, decimals
from reconciliation import formats
from reconciliation.formats.lines import FileRefused, Line, read_decimal
from sandbox.movements import Movement, payout
from sandbox.settlement import _csv
from sandbox.statements import statement

DAY = date(2026, 11, 23)
HEAD = (
    "settlement,1,2026-11-23\nnumber,type,reference,id,authorization,currency,gross,fee,net,status,created\n"
)
ONE = "1,charge,op_1,auth_1,auth_1,usd,10000,150,9850,settled,2026-11-23T10:00:00Z\n"
END = "total,usd,1,10000,150,9850\nend,1\n"
STRIPE = "balance_transaction_id,created,available_on,currency,gross,fee,net,reporting_category,source_id,description"
STATEMENT = statement(DAY, {"usd": 500}, [payout("set_1", "usd", 9850, DAY)])

amounts = st.integers(-(10**12), 10**12)
movements = st.builds(
    Movement,
    type=st.sampled_from(["charge", "refund", "dispute", "refund_failure"]),
    reference=st.from_regex(r"op_[A-Za-z0-9]{1,30}", fullmatch=True),
    id=st.from_regex(r"auth_[a-z0-9]{1,20}", fullmatch=True),
    authorization=st.just("auth_1"),
    currency=st.sampled_from(sorted(CURRENCIES)),
    gross=amounts,
    fee=st.integers(0, 10**6),
    created=st.integers(1_600_000_000, 2_000_000_000),
)


def read(format: str, text: str | bytes) -> list[Line]:
    content = text.encode() if isinstance(text, str) else text
    return list(formats.read(format, io.BytesIO(content)).lines())


@given(st.lists(movements, max_size=20))
def test_what_the_bank_writes_is_read_as_it_was_meant(written: list[Movement]) -> None:
    lines = read("sandbox", _csv(DAY, written))
    assert [
        (one.reference, one.currency, one.gross_minor, one.fee_minor, one.net_minor) for one in lines
    ] == [(one.reference, one.currency, one.gross, one.fee, one.net) for one in written]


@given(st.lists(movements, min_size=1, max_size=8), st.data())
def test_no_part_of_a_file_passes_for_the_whole(written: list[Movement], data: st.DataObject) -> None:
    whole = _csv(DAY, written).rstrip("\n")
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(FileRefused):
        read("sandbox", whole[:cut])


@given(st.binary(max_size=300), st.sampled_from(sorted(formats.FORMATS)))
def test_whatever_comes_is_refused_in_words_or_read(content: bytes, format: str) -> None:
    try:
        read(format, content)
    except FileRefused as error:
        assert str(error)


@given(amounts, st.sampled_from(sorted(CURRENCIES)))
def test_decimals_are_read_exactly(amount_minor: int, currency: str) -> None:
    places = decimals(currency)
    whole, part = divmod(abs(amount_minor), 10**places)
    text = f"{'-' if amount_minor < 0 else ''}{whole}" + (f".{part:0{places}}" if places else "")
    assert read_decimal(text, currency, "gross", 1) == amount_minor


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (HEAD + ONE, "ends without its last row"),
        (HEAD + ONE + "total,usd,1,10000,150,9851\nend,1\n", "Line 4: the total of USD"),
        (HEAD + ONE + "total,usd,1,10000,150,9850\nend,2\n", "Line 5: the file says that it has 2 lines"),
        (HEAD + ONE + "end,1\n", "the total of USD is missing"),
        (HEAD + ONE + END + ONE, "Line 6: something comes after the end"),
        (HEAD + ONE.replace("9850", "9851") + END, "Line 3: net 9851 is not gross 10000 minus fee 150"),
        (HEAD + ONE.replace("10000", "100.00") + END, "Line 3: gross '100.00' is not an integer"),
        (HEAD + ONE.replace("usd", "xxx") + END, "Line 3: currency 'xxx'"),
        (HEAD + ONE.replace("1,charge", "2,charge") + END, "Line 3: number '2' where 1 should come"),
        (HEAD.replace("fee", "fees"), "Line 2: the columns must be"),
        ("", "Line 1: the first row"),
    ],
)
def test_a_wrong_settlement_file_is_refused_with_line_and_reason(text: str, reason: str) -> None:
    with pytest.raises(FileRefused, match=reason):
        read("sandbox", text)


def test_stripes_report_is_read_by_its_names() -> None:
    rows = (
        "txn_1,2026-11-23 10:00:00,2026-11-25 00:00:00,usd,100.00,3.20,96.80,charge,ch_1,A shop\n"
        "txn_2,2026-11-23 11:00:00,2026-11-25 00:00:00,jpy,-500,0,-500,refund,re_1,\n"
        "txn_3,2026-11-23 12:00:00,2026-11-25 00:00:00,bhd,1.234,0.000,1.234,advance,adv_1,\n"
    )
    lines = read("stripe", f"{STRIPE}\n{rows}")
    assert [(one.kind, one.processor_id, one.gross_minor, one.fee_minor) for one in lines] == [
        ("charge", "ch_1", 10_000, 320),
        ("refund", "re_1", -500, 0),
        ("other", "adv_1", 1_234, 0),
    ]


@pytest.mark.parametrize("amount", ["1e3", "12.345", "NaN", "0x10", "1,000.00", "１２"])
def test_an_amount_that_is_none_is_refused(amount: str) -> None:
    row = f'txn_1,2026-11-23 10:00:00,,usd,"{amount}",0,"{amount}",charge,ch_1,\n'
    with pytest.raises(FileRefused, match="Line 2: gross"):
        read("stripe", f"{STRIPE}\n{row}")


def test_a_bank_statement_is_read_in_every_version() -> None:
    for version in ("02", "08", "11"):
        (line,) = read("camt.053", STATEMENT.replace("053.001.08", f"053.001.{version}"))
        assert (line.kind, line.reference, line.processor_id) == ("credit", "set_1", "set_1")
        assert (line.currency, line.gross_minor) == ("usd", 9850)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("<Document", '<!DOCTYPE x [<!ENTITY a "b">]><Document', "refused"),
        ("98.50", "98.51", "balances of USD differ|do not sum"),
        ("camt.053", "camt.054", "namespace"),
        ("</Document>", "", "not whole XML"),
        ("BOOK", "PDNG", "not booked"),
        ("CLBD", "XXXX", "balance"),
    ],
)
def test_a_wrong_statement_is_refused(old: str, new: str, reason: str) -> None:
    with pytest.raises(FileRefused, match=reason):
        read("camt.053", STATEMENT.replace(old, new, 1))
