"""What may be charged at all: currencies that we support, amounts within Stripe's bounds. Pure."""

from core.errors import InvalidRequest
from core.money import CURRENCIES, THREE_DECIMALS, display
from payments.errors import AmountOutOfRange

# Eight digits, as on the wire; and Stripe's floor of 50 in currencies of 0 and 2 decimals.
MAX_AMOUNT_MINOR = 99_999_999
MIN_AMOUNT_MINOR = 50
MIN_AMOUNT_THREE_DECIMALS_MINOR = 500


def check_amount(amount_minor: int, currency: str) -> None:
    """InvalidRequest for a currency or an amount that nobody can be charged."""
    if currency not in CURRENCIES:
        raise InvalidRequest(
            f"Invalid currency: {currency}. Use a three-letter ISO 4217 code that we support, in lower case.",
            param="currency",
        )
    check_positive(amount_minor)
    floor = MIN_AMOUNT_THREE_DECIMALS_MINOR if currency in THREE_DECIMALS else MIN_AMOUNT_MINOR
    if amount_minor < floor:
        raise AmountOutOfRange(
            f"Amount must be at least {display(floor, currency)}.", param="amount", code="amount_too_small"
        )
    if amount_minor > MAX_AMOUNT_MINOR:
        raise AmountOutOfRange(
            f"Amount must be no more than {display(MAX_AMOUNT_MINOR, currency)}.",
            param="amount",
            code="amount_too_large",
        )


def check_positive(amount_minor: int, *, param: str = "amount") -> None:
    """InvalidRequest below the smallest unit."""
    if amount_minor <= 0:
        raise InvalidRequest(
            f"This value must be greater than or equal to 1 (got {amount_minor}).",
            param=param,
            code="parameter_invalid_integer",
        )
