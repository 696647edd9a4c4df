"""Lines are pure: no database here."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import LineInvalid, Unbalanced
from ledger.lines import MAX_LINES, Line, check_balanced, credit, debit, describe, merchant_of, reversed_lines

amounts = st.integers(min_value=1, max_value=2**62)
addresses = st.from_regex(r"[a-z][a-z0-9_]{0,9}(:[A-Za-z0-9_-]{1,9}){0,3}", fullmatch=True)
currencies = st.sampled_from(["eur", "jpy", "kwd"])
transfers = st.lists(st.tuples(addresses, addresses, currencies, amounts), min_size=1, max_size=8)


def test_a_debit_is_positive_and_a_credit_negative() -> None:
    assert debit("fees:earned", "eur", 5) == Line("fees:earned", "eur", 5)
    assert credit("fees:earned", "eur", 5) == Line("fees:earned", "eur", -5)


@pytest.mark.parametrize("amount", [0, -1, 2**63, 1.0, "5", True, None])
@pytest.mark.parametrize("side", [debit, credit])
def test_an_amount_is_a_positive_integer_that_a_bigint_holds(side: Any, amount: Any) -> None:
    with pytest.raises(LineInvalid):
        side("fees:earned", "eur", amount)


@pytest.mark.parametrize(
    "address", ["", ":", "Fees", "fees:", "fees::earned", "fees earned", "fees\n", "a" * 201]
)
def test_an_address_is_a_path_of_names(address: str) -> None:
    with pytest.raises(LineInvalid):
        debit(address, "eur", 5)


@pytest.mark.parametrize("currency", ["", "EUR", "xxx", "euro"])
def test_a_currency_is_one_we_know(currency: str) -> None:
    with pytest.raises(LineInvalid):
        debit("fees:earned", currency, 5)


@given(transfers)
def test_what_goes_out_of_one_address_and_into_another_balances(
    transfers: list[tuple[str, str, str, int]],
) -> None:
    lines = [
        line
        for source, target, currency, amount in transfers
        for line in (credit(source, currency, amount), debit(target, currency, amount))
    ]
    check_balanced(lines)
    check_balanced(reversed_lines(lines))
    assert reversed_lines(reversed_lines(lines)) == lines


@given(transfers, amounts)
def test_one_line_more_never_balances(transfers: list[tuple[str, str, str, int]], amount: int) -> None:
    lines = [debit("suspense", "eur", amount)]
    for source, target, currency, moved in transfers:
        lines += [credit(source, currency, moved), debit(target, currency, moved)]
    with pytest.raises(Unbalanced):
        check_balanced(lines)


def test_currencies_do_not_balance_each_other() -> None:
    with pytest.raises(Unbalanced, match=r"100\.00 EUR"):
        check_balanced([debit("bank:main", "eur", 10_000), credit("fees:earned", "usd", 10_000)])


def test_a_transaction_has_lines_but_not_without_end() -> None:
    with pytest.raises(Unbalanced):
        check_balanced([])
    pair = [debit("bank:main", "eur", 1), credit("fees:earned", "eur", 1)]
    check_balanced(pair * (MAX_LINES // 2))
    with pytest.raises(LineInvalid):
        check_balanced(pair * (MAX_LINES // 2 + 1))


def test_lines_made_by_hand_are_checked_too() -> None:
    with pytest.raises(LineInvalid):
        check_balanced([Line("bank:main", "eur", 0)])


def test_equal_postings_read_equal() -> None:
    lines = [debit("bank:main", "eur", 1_250), credit("fees:earned", "eur", 1_250)]
    assert describe(lines) == describe(lines[::-1])
    assert describe(lines) == "debit bank:main 12.50 EUR, credit fees:earned 12.50 EUR"


def test_only_merchant_addresses_belong_to_a_merchant() -> None:
    assert merchant_of("merchant:7:pending", 7) == 7
    assert merchant_of("processor:sandbox:clearing", 7) is None
