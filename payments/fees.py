"""What we keep of a captured charge. Pure."""

from collections.abc import Mapping

from core.money import decimals, share


def fee(amount_minor: int, *, basis_points: int, fixed_minor: int) -> int:
    """The fee in minor units: a share rounded half up plus a fixed amount, never more than the charge."""
    return min(amount_minor, share(amount_minor, basis_points) + fixed_minor)


def dispute_fee(currency: str, fees_minor: Mapping[str, int]) -> int:
    """What a dispute costs the merchant, in minor units: as agreed for the currency, else 15.00 in currencies of two
    decimals, 1,500 in those of none, 5.000 in those of three."""
    if currency in fees_minor:
        return fees_minor[currency]
    return 5_000 if decimals(currency) == 3 else 1_500
