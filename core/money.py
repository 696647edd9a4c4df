"""Amounts are integers in a currency's smallest unit; this module knows how many decimals that is (ISO 4217)."""

ZERO_DECIMALS = frozenset("bif clp djf gnf jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf".split())
THREE_DECIMALS = frozenset("bhd iqd jod kwd lyd omr tnd".split())
TWO_DECIMALS = frozenset(
    "aed ars aud bgn brl cad chf cny cop czk dkk egp eur gbp hkd huf idr ils inr isk kes mad mxn myr "
    "ngn nok nzd pen php pln qar ron rsd sar sek sgd thb try twd uah usd uyu zar".split()
)
CURRENCIES = ZERO_DECIMALS | TWO_DECIMALS | THREE_DECIMALS


def decimals(currency: str) -> int:
    """How many decimals an ISO 4217 currency has: 0, 2 or 3. KeyError for a currency that is not known."""
    if currency in TWO_DECIMALS:
        return 2
    if currency in ZERO_DECIMALS:
        return 0
    if currency in THREE_DECIMALS:
        return 3
    raise KeyError(currency)


def display(amount_minor: int, currency: str) -> str:
    """`1250, "eur"` as `12.50 EUR`, for people and messages; never parsed back."""
    places = decimals(currency)
    sign = "-" if amount_minor < 0 else ""
    whole, rest = divmod(abs(amount_minor), 10**places)
    digits = f"{whole:,}" + (f".{rest:0{places}d}" if places else "")
    return f"{sign}{digits} {currency.upper()}"


def share(amount_minor: int, millionths: int) -> int:
    """So many millionths of an amount that is no debt, rounded half up to the smallest unit."""
    return (amount_minor * millionths * 2 + 1_000_000) // 2_000_000
