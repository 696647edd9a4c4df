"""What the vault refuses, by name. No message quotes what was sent: it may be a card number."""

from core.errors import InvalidRequest, ServiceUnavailable, TollgateError


class CardRefused(TollgateError):
    """Something is wrong with the card as it was given."""

    status = 402
    type = "card_error"
    retry = False


class IncorrectNumber(CardRefused):
    code = "incorrect_number"

    def __init__(self) -> None:
        super().__init__("Your card number is incorrect.", param="number")


class InvalidExpiryMonth(CardRefused):
    code = "invalid_expiry_month"

    def __init__(self) -> None:
        super().__init__("Your card's expiration month is invalid.", param="exp_month")


class InvalidExpiryYear(CardRefused):
    code = "invalid_expiry_year"

    def __init__(self) -> None:
        super().__init__("Your card's expiration year is invalid.", param="exp_year")


class InvalidCvc(CardRefused):
    code = "invalid_cvc"

    def __init__(self) -> None:
        super().__init__("Your card's security code is invalid.", param="cvc")


class RealCardInTestMode(CardRefused):
    code = "card_declined"

    def __init__(self) -> None:
        super().__init__(
            "Your card was declined. Your request was in test mode, but used a card that is not a test card.",
            param="number",
            decline_code="test_mode_live_card",
        )


class RealCardOnGatewayHost(InvalidRequest):
    """The gateway's host passes test cards on, and nothing else."""

    retry = False

    def __init__(self) -> None:
        super().__init__(
            "This address takes the known test cards only. Real card details are sent to the vault's own "
            "address, from the customer's browser, with a live publishable key.",
            param="card[number]",
        )


class TokenAlreadyUsed(InvalidRequest):
    code = "token_already_used"

    def __init__(self, public_id: str, *, param: str | None = None) -> None:
        super().__init__(
            f"You cannot use a token more than once: {public_id}. You must create a new token.", param=param
        )


class KeyReusedDifferently(InvalidRequest):
    type = "idempotency_error"
    retry = False

    def __init__(self, key: str) -> None:
        super().__init__(
            "Keys for idempotent requests can only be used with the same parameters they were first used "
            f"with. Try using a key other than '{key}' if you meant to execute a different request."
        )


class BodyTooLarge(InvalidRequest):
    status = 413

    def __init__(self, limit: int) -> None:
        super().__init__(f"The request's body is larger than {limit} bytes.")


class OriginRefused(InvalidRequest):
    """The merchant has said which pages may bring cards, and this is none of them."""

    status = 403
    retry = False

    def __init__(self, origin: str) -> None:
        super().__init__(
            f"Pages of {origin} may not send cards with this key: it is not among the merchant's allowed origins."
        )


class LengthRequired(InvalidRequest):
    status = 411

    def __init__(self) -> None:
        super().__init__("The request needs a Content-Length header.")


class MerchantShredded(InvalidRequest):
    """All cards of the merchant were destroyed, and no key is made for new ones."""

    retry = False

    def __init__(self) -> None:
        super().__init__("All cards of this account were destroyed; new ones are not taken in.")


class TooManyDecryptions(TollgateError):
    """The merchant has had VAULT_DECRYPTIONS_PER_MINUTE of its cards opened in this minute."""

    status = 429
    type = "invalid_request_error"
    code = "rate_limit"
    retry = True

    def __init__(self) -> None:
        super().__init__("Too many cards of this account were used within a minute. Try again in a minute.")


class LimitUnavailable(ServiceUnavailable):
    """Nobody counts; then no card is opened."""

    def __init__(self) -> None:
        super().__init__("Cards can't be opened at the moment. Nothing was done; try again.")


class Unreadable(Exception):
    """A ciphertext was changed, moved to another row, or made with a key that is not in the key file."""


class HsmUnavailable(ServiceUnavailable):
    """The HSM with a master key is away, or is not what it should be. `for_operator` says which."""

    def __init__(self, why: str) -> None:
        super().__init__("The vault's master key can't be used at the moment. Nothing was done; try again.")
        self.for_operator = f"The HSM can't be used: {why}."


class CvcStoreUnavailable(ServiceUnavailable):
    """A code can neither be kept nor found; without it this would be another charge than was asked for."""

    def __init__(self) -> None:
        super().__init__("Card security codes can't be kept at the moment. Nothing was done; try again.")
