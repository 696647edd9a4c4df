"""What we keep of a captured charge. Pure."""

from core.money import share


def fee(amount_minor: int, *, basis_points: int, fixed_minor: int) -> int:
    """The fee in minor units: a share rounded half up plus a fixed amount, never more than the charge."""
    return min(amount_minor, share(amount_minor, basis_points) + fixed_minor)
