"""A merchant's month: every cent of it is the ledger's, on paper and in the file, and no cent is missing."""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pypdf import PdfReader

from ledger.lines import Line, credit, debit
from ledger.queries import balances as ledger_balances
from ledger.seals import seal_all
from ledger.services import post, reverse
from merchants.auth import Caller
from merchants.services import NewMerchant, create_merchant
from payments import bookings, statement_files
from payments.bookings import Money
from payments.services.charge import NewCharge, create_charge
from payments.services.payout import NewPayout, create_payout
from payments.services.refund import NewRefund, create_refund
from payments.statement import Month, Statement, StatementDisagrees, statement
from processors.protocol import Approved
from tests.payments.test_payouts import bank_account
from tests.support.scripted import ScriptedBank

NOW = datetime.now(UTC)
THIS = Month(NOW.year, NOW.month)
NEXT = Month(THIS.until.year, THIS.until.month)


def book(shop: NewMerchant, reference: str, kind: str, lines: list[Line]) -> Any:
    own = f"{shop.merchant.public_id}:{reference}"
    return post(reference=own, kind=kind, lines=lines, livemode=False, merchant_id=shop.merchant.pk)


def a_busy_month(shop: NewMerchant, currency: str = "usd") -> None:
    """Every booking that there is for merchants, in amounts that tell them apart."""
    acct = shop.merchant.public_id

    def money(amount_minor: int) -> Money:
        return Money(amount_minor, currency, acct, "sandbox")

    def event(name: str, kind: str, lines: list[Line]) -> Any:
        return book(shop, f"{currency}:{name}", kind, lines)

    for name, amount_minor in (("1", 10_000), ("2", 20_003)):
        event(f"sale{name}:start", "sale_started", bookings.sale_started(money(amount_minor)))
        event(f"sale{name}", "sale_confirmed", bookings.sale_confirmed(money(amount_minor), fee_minor=320))
    declined = event("sale3:start", "sale_started", bookings.sale_started(money(7_000)))
    reverse(declined, reference=f"{acct}:{currency}:sale3:reversed", kind="sale_reversed")
    event("sale4:start", "sale_started", bookings.sale_started(money(30)))
    event("sale4", "sale_confirmed", bookings.sale_confirmed(money(30), fee_minor=30))
    event("available", "became_available", bookings.became_available(acct, currency, 19_683))
    event("re1", "refund_started", bookings.refund_started(money(1_000), from_available=False))
    event("re1:ok", "refund_confirmed", bookings.refund_confirmed(money(1_000)))
    failed = event("re2", "refund_started", bookings.refund_started(money(55), from_available=True))
    reverse(failed, reference=f"{acct}:{currency}:re2:back", kind="refund_reversed")
    event("re1:returned", "refund_returned", bookings.refund_returned(money(1_000), to_available=False))
    event("dp1", "dispute_opened", bookings.dispute_opened(money(3_000), fee_minor=1_500))
    event("dp1:won", "dispute_won", bookings.dispute_won(money(3_000)))
    event("po1", "payout_started", bookings.payout_started(money(5_000)))
    event("po1:paid", "payout_paid", bookings.payout_paid(money(5_000)))
    event("po2", "payout_started", bookings.payout_started(money(600)))
    event("po2:back", "payout_returned", bookings.payout_returned(money(600)))
    event("re:held", "reserve_held", bookings.reserve_held(acct, currency, 700))
    event("re:free", "reserve_released", bookings.reserve_released(acct, currency, 250))
    event("fx1", "exchange_sold", bookings.exchange_sold(acct, currency, 500))
    event("fx2", "exchange_bought", bookings.exchange_bought(acct, currency, 300, rounding_minor=1))
    # A kind that nobody has given a heading.
    account = f"merchant:{acct}:available"
    event("x", "some_gift", [debit("bank:main", currency, 9), credit(account, currency, 9)])


EXPECTED = {
    "Sales": (3, 30_033),
    "Refunds": (2, -1_055),
    "Refunds that did not arrive": (2, 1_055),
    "Disputes": (1, -3_000),
    "Disputes won": (1, 3_000),
    "Exchanged for other currencies": (1, -500),
    "Exchanged from other currencies": (1, 300),
    "Some gift": (1, 9),
    "Fees": (3, -670),
    "Dispute fees": (1, -1_500),
    "Payouts": (2, -5_600),
    "Payouts that did not arrive": (1, 600),
}


def headings(made: Statement, currency: str = "usd") -> dict[str, tuple[int, int]]:
    (part,) = [part for part in made.currencies if part.currency == currency]
    return {one.heading: (one.number, one.amount_minor) for one in part.movements}


def owed(shop: NewMerchant, currency: str) -> int:
    rows = ledger_balances(shop.merchant.pk, livemode=False)
    own = [row for row in rows if row.currency == currency and not row.address.endswith(":unconfirmed")]
    return -sum(row.balance for row in own)


@pytest.mark.parametrize("sealed", ["not", "half", "all"])
def test_every_booking_stands_under_its_heading_and_leads_to_the_ledger_s_balance(
    shop: NewMerchant, sealed: str
) -> None:
    a_busy_month(shop)
    if sealed != "not":
        seal_all()
    a_busy_month(shop, "kwd")
    a_busy_month(create_merchant("Another"))
    if sealed == "all":
        seal_all()
    made = statement(shop.merchant, THIS, livemode=False)
    assert [part.currency for part in made.currencies] == ["kwd", "usd"]
    for part in made.currencies:
        assert headings(made, part.currency) == EXPECTED
        assert list(headings(made, part.currency)) == list(EXPECTED)
        assert part.opening_minor == 0
        assert (
            part.closing_minor == sum(amount for _, amount in EXPECTED.values()) == owed(shop, part.currency)
        )
        assert sum(part.parts.values()) == part.closing_minor
        # What is held back is still theirs: it moves no balance, and the last line says how much it is.
        assert part.parts["reserved"] == 450
    assert not made.final


def test_the_next_month_begins_where_this_one_ends(shop: NewMerchant) -> None:
    a_busy_month(shop)
    (this,) = statement(shop.merchant, THIS, livemode=False).currencies
    (after,) = statement(shop.merchant, NEXT, livemode=False).currencies
    assert (after.opening_minor, after.movements, after.closing_minor) == (
        this.closing_minor,
        [],
        this.closing_minor,
    )
    before = Month(NOW.year - 1, NOW.month)
    past = statement(shop.merchant, before, livemode=False)
    assert past.final and not past.currencies
    assert not statement(shop.merchant, THIS, livemode=True).currencies


def test_a_booking_is_in_exactly_one_of_two_spans_that_meet(shop: NewMerchant) -> None:
    a_busy_month(shop)
    border = book(shop, "last", "some_gift", _gift(shop)).booked_at
    book(shop, "later", "some_gift", _gift(shop))
    first: Any = SimpleNamespace(since=THIS.since, until=border)
    second: Any = SimpleNamespace(since=border, until=THIS.until)
    (earlier,) = statement(shop.merchant, first, livemode=False).currencies
    (later,) = statement(shop.merchant, second, livemode=False).currencies
    assert earlier.closing_minor == later.opening_minor
    assert headings(statement(shop.merchant, second, livemode=False)) == {"Some gift": (2, 18)}
    assert later.closing_minor == owed(shop, "usd")


def _gift(shop: NewMerchant) -> list[Line]:
    account = f"merchant:{shop.merchant.public_id}:available"
    return [debit("bank:main", "usd", 9), credit(account, "usd", 9)]


def test_what_goes_through_the_services_is_on_it(
    shop: NewMerchant, caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    bank_account(shop)
    bank.script.append(Approved("auth_1", 10_000, available_at_once=True))
    answer = create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa"), key=key("c"))
    charge = json.loads(answer.body)["id"]
    create_refund(caller=caller, asked=NewRefund(charge=charge, amount_minor=1_000), key=key("r"))
    create_payout(caller=caller, asked=NewPayout(2_000, "usd"), key=key("p"))
    made = statement(shop.merchant, THIS, livemode=False)
    assert headings(made) == {
        "Sales": (1, 10_000),
        "Refunds": (1, -1_000),
        "Fees": (1, -320),
        "Payouts": (1, -2_000),
    }
    assert made.currencies[0].closing_minor == owed(shop, "usd") == 6_680


def test_it_is_refused_where_it_would_differ_from_the_ledger(
    shop: NewMerchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_busy_month(shop)
    monkeypatch.setattr("payments.statement.TICK", THIS.until - THIS.since)
    with pytest.raises(StatementDisagrees, match="USD"):
        statement(shop.merchant, THIS, livemode=False)


def test_paper_and_file_say_the_same_and_the_command_writes_both(shop: NewMerchant, tmp_path: Path) -> None:
    a_busy_month(shop)
    a_busy_month(shop, "jpy")
    acct = shop.merchant.public_id
    call_command("statement", acct, str(THIS), "--mode", "test", "--folder", str(tmp_path))
    name = f"statement-{acct}-{THIS}-test"
    rows = list(csv.DictReader(io.StringIO((tmp_path / f"{name}.csv").read_text("utf-8-sig"))))
    usd = [row for row in rows if row["currency"] == "usd"]
    assert [row["line"] for row in usd[: len(EXPECTED) + 2]] == [
        "Opening balance",
        *EXPECTED,
        "Closing balance",
    ]
    moved = sum(int(row["amount_minor"]) for row in usd[1 : len(EXPECTED) + 1])
    assert moved == int(usd[len(EXPECTED) + 1]["amount_minor"]) == owed(shop, "usd")
    assert usd[1]["amount"] == "300.33" and usd[1]["bookings"] == "3"
    pages = PdfReader(tmp_path / f"{name}.pdf").pages
    text = "\n".join(page.extract_text() for page in pages)
    for row in rows:
        number = f"{int(row['amount_minor']):,}" if row["currency"] == "jpy" else ""
        assert row["line"] in text
        assert (number or f"{float(row['amount']):,.2f}") in text
    assert "TEST MODE" in text and acct in text and "Preliminary" in text


def test_a_name_in_other_letters_or_with_markup_breaks_no_paper(shop: NewMerchant) -> None:
    shop.merchant.name = "<b>Łódź & 東京</b>"
    made = statement(shop.merchant, THIS, livemode=False)
    text = PdfReader(io.BytesIO(statement_files.pdf(made))).pages[0].extract_text()
    assert "<b>" in text and "& ??" in text and "Nothing was booked" in text
    assert statement_files.pdf(made) == statement_files.pdf(made)


@pytest.mark.parametrize("text", ["2026-13", "2026", "october", "2026-1", "9999-12", "2026-10-01"])
def test_what_is_no_month_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ValueError, match="Not a month"):
        Month.of(text)


def test_the_command_names_what_it_does_not_know(shop: NewMerchant, tmp_path: Path) -> None:
    for arguments in (("acct_nobody", "2026-10"), (shop.merchant.public_id, "2026-13")):
        with pytest.raises(CommandError, match=arguments[0] if "nobody" in arguments[0] else "2026-13"):
            call_command("statement", *arguments, "--folder", str(tmp_path))
    with pytest.raises(CommandError, match="No such folder"):
        call_command("statement", shop.merchant.public_id, "2026-10", "--folder", str(tmp_path / "none"))
    assert not list(tmp_path.iterdir())


def test_december_ends_with_the_year() -> None:
    assert Month(2026, 12).until == datetime(2027, 1, 1, tzinfo=UTC)
    assert Month.of("2026-12") == Month(2026, 12)
