"""What the two public calls accept, as typed structs. Complaints name the parameter, never the value."""

import re
from typing import Any, TypeVar

import msgspec

from core.errors import InvalidRequest, ParameterMissing, TollgateError
from core.params import Params, check_metadata, read
from core.redaction import CARD, luhn_valid
from vault.card import UNKNOWN, brand_of

S = TypeVar("S", bound=msgspec.Struct)

MAX_TEXT = 5_000
# E.164: no telephone number has more digits.
MAX_PHONE_DIGITS = 15


class Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class CardParams(Strict):
    """`card[…]` of POST /v1/tokens."""

    number: str | int | None = None
    exp_month: str | int | None = None
    exp_year: str | int | None = None
    cvc: str | int | None = None
    name: str | None = None
    address_line1: str | None = None
    address_line2: str | None = None
    address_city: str | None = None
    address_state: str | None = None
    address_zip: str | None = None
    address_country: str | None = None
    currency: str | None = None
    metadata: dict[str, str] | None = None


class TokenParams(Params):
    card: CardParams


class MethodCardParams(Strict):
    """`card[…]` of POST /v1/payment_methods: a card, or the token that holds one."""

    number: str | int | None = None
    exp_month: str | int | None = None
    exp_year: str | int | None = None
    cvc: str | int | None = None
    token: str | None = None


class AddressParams(Strict):
    line1: str | None = None
    line2: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None


class BillingParams(Strict):
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    tax_id: str | None = None
    address: AddressParams | None = None


class MethodParams(Params):
    type: str
    card: MethodCardParams
    billing_details: BillingParams | None = None
    metadata: dict[str, str] | None = None
    allow_redisplay: str | None = None


def read_params(shape: type[S], data: dict[str, Any]) -> S:
    """`core.params.read`, with what it would quote of the request taken out of its complaints."""
    try:
        params = read(shape, data)
    except TollgateError as error:
        param = _without_digits(error.param or "")
        if error.wire_code in ("parameter_missing", "parameter_unknown"):
            message = _without_digits(error.message)
        else:
            message = f"Invalid value for the parameter {param}."
        # Not chained: the original holds the value.
        raise InvalidRequest(message, param=param or None, code=error.wire_code) from None
    _refuse_cards_in_text(data, "")
    return params


def whole_number(value: str | int | None, param: str) -> int:
    """An expiry month or year. ParameterMissing or `parameter_invalid_integer`."""
    if value is None or value == "":
        raise ParameterMissing(param)
    text = str(value).strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise InvalidRequest(f"Invalid integer for {param}.", param=param, code="parameter_invalid_integer")
    return int(text)


def metadata_of(given: dict[str, str] | None) -> dict[str, str]:
    """Metadata within Stripe's limits."""
    return check_metadata(given)


def _refuse_cards_in_text(value: Any, path: str) -> None:
    """A card number typed into a name, an address or metadata would be stored and shown in the clear."""
    if isinstance(value, dict):
        for key, item in value.items():
            if _holds_card(key, strict=True):
                raise InvalidRequest(
                    f"The name of a parameter in {path or 'the request'} holds a card number."
                )
            _refuse_cards_in_text(item, f"{path}[{key}]" if path else key)
    elif isinstance(value, list):
        for item in value:
            _refuse_cards_in_text(item, path)
    elif isinstance(value, str) and path not in ("card[number]", "card[cvc]"):
        if len(value) > MAX_TEXT:
            raise InvalidRequest(f"{path} can have at most {MAX_TEXT} characters.", param=path)
        if not _is_phone(path, value) and _holds_card(value, strict="metadata" not in path):
            raise InvalidRequest(
                f"{path} holds a card number. Card numbers belong into card[number] and nowhere else.",
                param=path,
            )


def _holds_card(text: str, *, strict: bool) -> bool:
    """`strict` takes any Luhn-valid number for a card. Order numbers in metadata are Luhn-valid one time in
    ten, so there the number must also fit a network."""
    for match in CARD.finditer(text):
        digits = re.sub(r"\D", "", match.group())
        brand = brand_of(digits)
        if luhn_valid(digits) and (strict or (brand is not UNKNOWN and len(digits) in brand.lengths)):
            return True
    return False


def _is_phone(path: str, value: str) -> bool:
    digits = sum(character.isdigit() for character in value)
    return path == "billing_details[phone]" and value.startswith("+") and digits <= MAX_PHONE_DIGITS


def _without_digits(text: str) -> str:
    return CARD.sub("[digits]", text)
