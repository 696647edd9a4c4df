"""Takes cards in: each becomes a token or a payment method, once per idempotency key. The code goes to Redis
first, outside any transaction; then card and answer are written together."""

from typing import Any

import msgspec
from django.db import connection, transaction
from django.utils import timezone

from core.db import release_connection
from core.errors import InvalidRequest, Overtaken, ParameterMissing, ResourceMissing
from core.ids import new_id
from vault.auth import Caller
from vault.card import PlainCard, check_card
from vault.cvc_store import find_cvc, forget_cvc, keep_cvc
from vault.errors import RealCardInTestMode, RealCardOnGatewayHost, TokenAlreadyUsed
from vault.fingerprints import fingerprint, key_digest
from vault.keyring import key_ring
from vault.known_cards import CARDS, static_card
from vault.models import Card
from vault.params import CardParams, MethodCardParams, MethodParams, TokenParams, metadata_of, whole_number
from vault.serializers import card_object
from vault.services.answers import Asked, Given, find_answer
from vault.services.merchant_keys import MAX_LOOKS, make_ready, seal_into
from vault.services.opening import open_card

ALLOW_REDISPLAY = ("always", "limited", "unspecified")

# Waits for a concurrent request under the same key; no row then means that the other one committed.
_CLAIM_KEY = """
    INSERT INTO vault_answer
        (merchant, livemode, key_digest, parameters_digest, card_public_id, body, created_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""


def create_token(caller: Caller, params: TokenParams, asked: Asked) -> Given:
    """A single-use token; the first answer again when the key was used before."""
    if known := find_answer(caller, asked):
        return known
    given = params.card
    plain = _checked(caller, given)
    address = {
        "line1": given.address_line1,
        "line2": given.address_line2,
        "city": given.address_city,
        "state": given.address_state,
        "postal_code": given.address_zip,
        "country": given.address_country,
    }
    card = _row(caller, plain, new_id("tok"))
    card.billing = _without_blanks({"name": given.name, "address": _without_blanks(address)})
    card.metadata = metadata_of(given.metadata)
    return _keep(caller, card, plain, asked)


def create_payment_method(caller: Caller, params: MethodParams, asked: Asked) -> Given:
    """A payment method from card details, or from a token, which is spent on it."""
    if params.type != "card":
        raise InvalidRequest("Invalid type: cards only are kept here.", param="type")
    if params.allow_redisplay is not None and params.allow_redisplay not in ALLOW_REDISPLAY:
        raise InvalidRequest(
            f"Invalid allow_redisplay: use one of {ALLOW_REDISPLAY}.", param="allow_redisplay"
        )
    if known := find_answer(caller, asked):
        return known
    token = _token(caller, params.card)
    public_id = new_id("pm")
    given = params.card
    plain = _of_token(caller, given, token, public_id) if given.token else _checked(caller, given)
    card = _row(caller, plain, public_id)
    if params.billing_details is not None:
        billing = msgspec.to_builtins(params.billing_details)
        card.billing = _without_blanks(billing | {"address": _without_blanks(billing["address"] or {})})
    elif token is not None:
        card.billing = token.billing
    card.metadata = metadata_of(params.metadata)
    card.allow_redisplay = params.allow_redisplay or "unspecified"
    return _keep(caller, card, plain, asked, spends=token)


def _checked(caller: Caller, given: CardParams | MethodCardParams) -> PlainCard:
    if not given.number:
        raise ParameterMissing("card[number]")
    plain = check_card(
        str(given.number),
        whole_number(given.exp_month, "card[exp_month]"),
        whole_number(given.exp_year, "card[exp_year]"),
        str(given.cvc) if given.cvc not in (None, "") else None,
    )
    if not caller.livemode and plain.number not in CARDS:
        raise RealCardOnGatewayHost if caller.passed_on else RealCardInTestMode
    return plain


def _token(caller: Caller, given: MethodCardParams) -> Card | None:
    """The stored token that a payment method is made of; None for card details and for static tokens."""
    if not given.token:
        return None
    if given.number or given.cvc or given.exp_month or given.exp_year:
        raise InvalidRequest("Give either card[token] or the card's details.", param="card[token]")
    if static_card(given.token, livemode=caller.livemode):
        return None
    token = Card.objects.filter(
        public_id=given.token,
        public_id__startswith="tok_",
        merchant=caller.merchant,
        livemode=caller.livemode,
        shredded_at=None,
    ).first()
    if token is None:
        raise ResourceMissing("token", given.token[:64], param="card[token]")
    if token.reference is not None:
        raise TokenAlreadyUsed(token.public_id, param="card[token]")
    return token


def _of_token(caller: Caller, given: MethodCardParams, token: Card | None, becomes: str) -> PlainCard:
    if token is None:
        static = static_card(given.token or "", livemode=caller.livemode)
        assert static is not None
        return static
    number = open_card(
        token.public_id,
        merchant=caller.merchant,
        livemode=caller.livemode,
        purpose="payment_method",
        reference=becomes,
    )
    cvc = find_cvc(token.public_id) if token.cvc_given else None
    return PlainCard(number, token.exp_month, token.exp_year, cvc)


def _row(caller: Caller, plain: PlainCard, public_id: str) -> Card:
    known = CARDS.get(plain.number)
    return Card(
        public_id=public_id,
        card_id=public_id if public_id.startswith("pm_") else new_id("card"),
        merchant=caller.merchant,
        livemode=caller.livemode,
        brand=plain.brand.name,
        last4=plain.number[-4:],
        bin=plain.bin,
        exp_month=plain.exp_month,
        exp_year=plain.exp_year,
        funding=known.funding if known else "unknown",
        country=known.country if known else None,
        fingerprint=fingerprint(plain.number, merchant=caller.merchant, livemode=caller.livemode),
        cvc_given=plain.cvc is not None,
        client_ip=caller.client_ip,
    )


def _keep(caller: Caller, card: Card, plain: PlainCard, asked: Asked, *, spends: Card | None = None) -> Given:
    body = msgspec.json.encode(card_object(card)).decode()
    release_connection()
    if plain.cvc is not None:
        keep_cvc(card.public_id, plain.cvc)
    if not _write(caller, card, plain, asked, body, spends):
        forget_cvc(card.public_id)
        known = find_answer(caller, asked)
        assert known is not None
        return known
    if spends is not None and spends.cvc_given:
        forget_cvc(spends.public_id)
    return Given(body, replayed=False)


def _write(
    caller: Caller, card: Card, plain: PlainCard, asked: Asked, body: str, spends: Card | None
) -> bool:
    """Whether it is written; False where another request was first under the same key."""
    for _ in range(MAX_LOOKS):
        make_ready(key_ring(), caller.merchant)
        try:
            with transaction.atomic():
                if not _claim_key(caller, asked, card, body):
                    return False
                if spends is not None:
                    _spend(spends, card)
                seal_into(card, plain.number)
                card.save(force_insert=True)
                return True
        except Overtaken:
            continue  # a rotation has replaced the merchant's key since
    raise Overtaken


def _claim_key(caller: Caller, asked: Asked, card: Card, body: str) -> bool:
    """Whether this request is the first under its key. Without a key every request is the first."""
    if not caller.idempotency_key:
        return True
    scope = (caller.merchant, caller.livemode, key_digest(caller.idempotency_key))
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM_KEY, [*scope, asked.digest, card.public_id, body, card.created_at])
        return bool(cursor.rowcount)


def _spend(token: Card, card: Card) -> None:
    spent = Card.objects.filter(pk=token.pk, reference=None, shredded_at=None).update(
        reference=card.public_id, attempts=1, used_at=timezone.now()
    )
    if not spent:
        raise TokenAlreadyUsed(token.public_id, param="card[token]")


def _without_blanks(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}
