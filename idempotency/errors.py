"""What a client may meet who repeats a key."""

from core.errors import InvalidRequest, TollgateError


class KeyReused(TollgateError):
    """The key was used for another request."""

    status = 400
    type = "idempotency_error"
    retry = False

    def __init__(self, key: str) -> None:
        super().__init__(
            "Keys for idempotent requests can only be used with the same parameters they were first used "
            f"with. Try using a key other than '{key}' if you meant to execute a different request."
        )


class KeyInUse(TollgateError):
    """The first request with the key still runs."""

    status = 409
    type = "invalid_request_error"
    code = "idempotency_key_in_use"
    retry = True

    def __init__(self, key: str) -> None:
        super().__init__(
            f"There is currently another in-progress request using the key '{key}'. Try again in a moment."
        )


class KeyRequired(InvalidRequest):
    """A request that moves money came without a key."""

    code = "idempotency_key_required"

    def __init__(self) -> None:
        super().__init__(
            "This request moves money and must carry an Idempotency-Key header, so that repeating it after "
            "a lost answer can't move the money twice. Any text of your own up to 255 characters will do; "
            "Stripe's SDKs send one by themselves."
        )


class KeyTooLong(InvalidRequest):
    def __init__(self, length: int) -> None:
        super().__init__(f"An Idempotency-Key can have at most 255 characters; this one has {length}.")


class KeyTaken(Exception):
    """Inside the services only: phase 1 found the key claimed already."""
