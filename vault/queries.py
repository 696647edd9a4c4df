"""Cards as the gateway may see them."""

from core.ids import new_id
from vault.card import PlainCard
from vault.fingerprints import fingerprint
from vault.known_cards import CARDS, static_card
from vault.models import Card


def card(token: str, *, merchant: str, livemode: bool) -> Card | None:
    """A merchant's token or payment method; a static one as a row that is not in the database."""
    if plain := static_card(token, livemode=livemode):
        return _static_row(token, plain, merchant)
    return Card.objects.filter(
        public_id=token, merchant=merchant, livemode=livemode, shredded_at=None
    ).first()


def _static_row(token: str, plain: PlainCard, merchant: str) -> Card:
    """Never saved. Each use of a static token is an object of its own."""
    known = CARDS[plain.number]
    method = token.startswith("pm_")
    return Card(
        public_id=token,
        card_id=new_id("pm" if method else "card"),
        merchant=merchant,
        livemode=False,
        brand=plain.brand.name,
        last4=plain.number[-4:],
        bin=plain.bin,
        exp_month=plain.exp_month,
        exp_year=plain.exp_year,
        funding=known.funding,
        country=known.country,
        fingerprint=fingerprint(plain.number, merchant=merchant, livemode=False),
        cvc_given=True,
    )
