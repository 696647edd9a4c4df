"""Amounts as people read them."""

# ISO 4217: how many decimals a currency has where it has not two, as card networks count them.
NO_DECIMALS = frozenset("bif clp djf gnf jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf".split())
THREE_DECIMALS = frozenset("bhd iqd jod kwd lyd omr tnd".split())


def shown(amount_minor: int, currency: str) -> str:
    """`1,234.50 USD`."""
    decimals = 0 if currency in NO_DECIMALS else 3 if currency in THREE_DECIMALS else 2
    whole, part = divmod(amount_minor, 10**decimals)
    fraction = f".{part:0{decimals}}" if decimals else ""
    return f"{whole:,}{fraction} {currency.upper()}"
