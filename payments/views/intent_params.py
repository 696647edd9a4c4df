"""What may be said of an intent on the wire, and what it comes to in our words."""

from typing import Any, Literal

import msgspec

from core.errors import InvalidRequest
from core.params import Params, limited, one_of
from payments.errors import CardDataRefused
from payments.views.emails import email_of
from payments.views.radar import RadarOptions, device_in


class AutomaticMethods(msgspec.Struct, forbid_unknown_fields=True):
    enabled: bool
    allow_redirects: Literal["always", "never"] = "always"


class MethodData(msgspec.Struct, forbid_unknown_fields=True):
    type: str
    card: dict[str, Any] | None = None


class WordsParams(Params):
    """What may be said of an intent when it is made, changed or confirmed."""

    payment_method: str | None = None
    payment_method_data: MethodData | None = None
    payment_method_options: dict[str, Any] | None = None
    capture_method: str | None = None
    setup_future_usage: Literal["off_session", "on_session"] | None = None
    return_url: str | None = None
    receipt_email: str | None = None
    shipping: dict[str, Any] | None = None


class ConfirmParams(WordsParams):
    client_secret: str | None = None
    error_on_requires_action: bool | None = None
    off_session: bool | Literal["one_off", "recurring"] | None = None
    mandate_data: dict[str, Any] | None = None
    use_stripe_sdk: bool | None = None
    radar_options: RadarOptions | None = None


class TermsParams(WordsParams):
    description: str | None = None
    metadata: dict[str, str] | None = None
    statement_descriptor: str | None = None
    statement_descriptor_suffix: str | None = None
    # The API's present name, and the one that it had.
    allowed_payment_method_types: list[str] | None = None
    payment_method_types: list[str] | None = None
    order_reference: str | None = None


class UpdateParams(TermsParams):
    amount: int | None = None
    currency: str | None = None


class CreateParams(TermsParams, kw_only=True):
    amount: int
    currency: str
    automatic_payment_methods: AutomaticMethods | None = None
    confirm: bool = False
    confirmation_method: str | None = None
    error_on_requires_action: bool | None = None
    off_session: bool | Literal["one_off", "recurring"] | None = None
    mandate_data: dict[str, Any] | None = None
    use_stripe_sdk: bool | None = None
    radar_options: RadarOptions | None = None


class CaptureParams(Params):
    amount_to_capture: int | None = None
    final_capture: bool | None = None


class CancelParams(Params):
    cancellation_reason: str | None = None


class RetrieveParams(Params):
    client_secret: str | None = None


def card_of(asked: WordsParams) -> tuple[str, str]:
    """What the vault knows the card by, and the id to show for it where that is another one."""
    data = asked.payment_method_data
    if data is None:
        return asked.payment_method or "", ""
    if data.type != "card" or data.card is None or set(data.card) != {"token"}:
        raise CardDataRefused("payment_method_data[card][token]")
    return str(data.card["token"]), ""


def changes_of(asked: WordsParams, given: dict[str, Any]) -> dict[str, Any]:
    """The columns that an update names, with what they are to be."""
    changes: dict[str, Any] = {}
    for name, length in TEXTS.items():
        if name in given:
            changes[name] = limited(name, getattr(asked, name), length)
    if "receipt_email" in given:
        changes["receipt_email"] = email_of("receipt_email", asked.receipt_email)
    if "return_url" in given:
        changes["return_url"] = url_of(asked.return_url)
    if "shipping" in given:
        changes["shipping"] = asked.shipping
    if asked.capture_method:
        changes["capture_method"] = capture_method_of(asked.capture_method)
    if "payment_method" in given or asked.payment_method_data is not None:
        changes["source"] = card_of(asked)[0]
    if options := options_of(asked):
        changes["options"] = options
    if isinstance(asked, UpdateParams):
        if asked.amount is not None:
            changes["amount_minor"] = asked.amount
        if asked.currency is not None:
            changes["currency"] = asked.currency.lower()
    return changes


# Texts that an update may set, with what the columns hold.
TEXTS = {
    "description": 1000,
    "statement_descriptor": 22,
    "statement_descriptor_suffix": 22,
}


# What asks for nothing that would not happen anyway.
NO_OPTIONS: tuple[dict[str, Any] | None, ...] = (
    None,
    {},
    {"card": {}},
    {"card": {"request_three_d_secure": "automatic"}},
)


def options_of(asked: Any) -> dict[str, Any]:
    """What is shown as it came, and how a challenge is to be met. Cards are all there is to pay with."""
    options: dict[str, Any] = {}
    types = None
    for name in ("allowed_payment_method_types", "payment_method_types"):
        if (types := getattr(asked, name, None)) is not None:
            if set(types) != {"card"}:
                raise InvalidRequest(
                    f"Invalid {name}: {', '.join(types)[:100]}. Cards are all there is.", param=name
                )
            options["allowed_payment_method_types"] = types
            break
    methods = getattr(asked, "automatic_payment_methods", None)
    if methods is not None:
        options["automatic_payment_methods"] = msgspec.to_builtins(methods)
    elif types is None and isinstance(asked, CreateParams):
        options["automatic_payment_methods"] = {"enabled": True, "allow_redirects": "always"}
    if asked.payment_method_options not in NO_OPTIONS:
        raise InvalidRequest(
            "Invalid payment_method_options: whether the cardholder is challenged is the issuer's decision here.",
            param="payment_method_options",
        )
    if asked.setup_future_usage:
        options["setup_future_usage"] = asked.setup_future_usage
    if device := device_in(getattr(asked, "radar_options", None)):
        options["radar_options"] = {"session": device}
    if hasattr(asked, "off_session"):
        options["error_on_requires_action"] = bool(asked.error_on_requires_action or asked.off_session)
    return options


def check_return(options: dict[str, Any], return_url: str) -> None:
    """Whoever may be sent away must be able to come back."""
    methods = options.get("automatic_payment_methods")
    if return_url or not methods or not methods["enabled"] or methods["allow_redirects"] == "never":
        return
    if options.get("error_on_requires_action"):
        return
    raise InvalidRequest(
        "This PaymentIntent may send the cardholder to their bank: pass a return_url to come back to, or create it "
        "with automatic_payment_methods[allow_redirects]=never or allowed_payment_method_types[]=card.",
        param="return_url",
        code="parameter_missing",
    )


def capture_method_of(asked: str | None) -> str:
    return one_of("capture_method", asked, frozenset({"automatic", "automatic_async", "manual"}))


def url_of(asked: str | None, *, param: str = "return_url") -> str:
    url = limited(param, asked, 2000)
    if url and not url.startswith(("https://", "http://")):
        raise InvalidRequest(f"Invalid URL: {url[:100]}", param=param, code="url_invalid")
    return url
