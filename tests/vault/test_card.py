"""What makes a card plausible."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.redaction import luhn_valid
from vault.card import UNKNOWN, brand_of, brand_title, check_card
from vault.errors import CardRefused, IncorrectNumber, InvalidCvc, InvalidExpiryMonth, InvalidExpiryYear
from vault.known_cards import CARDS, STATIC_NAMES, static_card

NOW = datetime(2026, 11, 20, tzinfo=UTC)
VISA = "4242424242424242"


@pytest.mark.parametrize(
    ("number", "brand"),
    [
        ("4242424242424242", "visa"),
        ("4222222222222", "visa"),
        ("5105105105105100", "mastercard"),
        ("2221000000000009", "mastercard"),
        ("2720999999999996", "mastercard"),
        ("2223003122003222", "mastercard"),
        ("378282246310005", "amex"),
        ("341111111111111", "amex"),
        ("6011000990139424", "discover"),
        ("6500000000000002", "discover"),
        ("3056930009020004", "diners"),
        ("36227206271667", "diners"),
        ("3566002020360505", "jcb"),
        ("6200000000000005", "unionpay"),
        ("2720000000000005", "mastercard"),
        ("9999999999999995", "unknown"),
    ],
)
def test_a_number_tells_its_brand(number: str, brand: str) -> None:
    assert brand_of(number).name == brand
    assert check_card(number, 12, 2034, None, now=NOW).brand.name == brand


@pytest.mark.parametrize(
    ("number", "after"), [("2220990000000000", "unknown"), ("2721000000000000", "unknown")]
)
def test_mastercards_second_series_has_its_ends(number: str, after: str) -> None:
    assert brand_of(number).name == after


def test_brands_have_two_names() -> None:
    names = ("visa", "mastercard", "amex", "discover", "nonsense")
    assert [brand_title(name) for name in names] == [
        "Visa",
        "MasterCard",
        "American Express",
        "Discover",
        "Unknown",
    ]


@pytest.mark.parametrize(
    "number",
    [
        "",
        "4",
        "4242424242424241",
        "42424242424242424242",
        "4242x424242424242",
        "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢",
        "0",
        "42424242424242424",
    ],
)
def test_a_number_that_can_not_be_right_is_refused(number: str) -> None:
    with pytest.raises(IncorrectNumber):
        check_card(number, 12, 2034, None, now=NOW)


def test_spaces_and_dashes_are_forgiven() -> None:
    assert check_card("4242 4242-4242 4242", 12, 2034, None, now=NOW).number == VISA


@given(st.text(max_size=30))
def test_any_text_is_a_card_or_is_refused(text: str) -> None:
    try:
        card = check_card(text, 12, 2034, None, now=NOW)
    except CardRefused:
        return
    assert luhn_valid(card.number)


class TestExpiry:
    @pytest.mark.parametrize("month", [0, 13, 99])
    def test_a_month_is_one_of_twelve(self, month: int) -> None:
        with pytest.raises(InvalidExpiryMonth):
            check_card(VISA, month, 2034, None, now=NOW)

    @pytest.mark.parametrize("year", [2025, 25, 2077, 100, 9999])
    def test_a_year_is_neither_past_nor_far_away(self, year: int) -> None:
        with pytest.raises(InvalidExpiryYear):
            check_card(VISA, 12, year, None, now=NOW)

    def test_two_digits_are_of_this_century(self) -> None:
        assert check_card(VISA, 12, 34, None, now=NOW).exp_year == 2034

    def test_a_card_is_good_through_its_month_everywhere_on_earth(self) -> None:
        assert check_card(VISA, 10, 2026, None, now=datetime(2026, 11, 1, 11, tzinfo=UTC))
        with pytest.raises(InvalidExpiryMonth):
            check_card(VISA, 10, 2026, None, now=datetime(2026, 11, 1, 13, tzinfo=UTC))
        assert check_card(VISA, 12, 2026, None, now=datetime(2027, 1, 1, 11, tzinfo=UTC))


class TestSecurityCodes:
    @pytest.mark.parametrize("cvc", ["99", "1234", "12a", "", "١٢٣"])
    def test_three_digits(self, cvc: str) -> None:
        with pytest.raises(InvalidCvc):
            check_card(VISA, 12, 2034, cvc, now=NOW)

    def test_four_for_amex(self) -> None:
        assert check_card("378282246310005", 12, 2034, "1234", now=NOW).cvc == "1234"
        with pytest.raises(InvalidCvc):
            check_card("378282246310005", 12, 2034, "123", now=NOW)


def test_a_card_shows_nothing_of_itself() -> None:
    assert repr(check_card(VISA, 12, 2034, "123", now=NOW)) == "PlainCard()"


class TestKnownCards:
    def test_every_test_card_is_a_plausible_card(self) -> None:
        assert all(luhn_valid(number) and brand_of(number) is not UNKNOWN for number in CARDS)

    def test_every_static_token_stands_for_a_test_card(self) -> None:
        assert set(STATIC_NAMES.values()) <= set(CARDS)
        for name in STATIC_NAMES:
            for token in (f"tok_{name}", f"pm_card_{name}"):
                card = static_card(token, livemode=False)
                assert card is not None
                assert check_card(card.number, card.exp_month, card.exp_year, card.cvc, now=NOW) == card
                assert static_card(token, livemode=True) is None

    @pytest.mark.parametrize(
        "token", ["visa", "tok_", "tok_card_visa", "pm_visa", "pm_card_", "card_visa", "tok_tok_visa"]
    )
    def test_nothing_else_is_one(self, token: str) -> None:
        assert static_card(token, livemode=False) is None
