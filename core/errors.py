"""The root of every error that a caller of the API may see. Each app keeps its own leaves at home."""

from typing import Any, ClassVar


class TollgateError(Exception):
    """A condition with a name. The class owns the wire's `type` and `code`, the HTTP status and whether a
    retry helps (`Stripe-Should-Retry`; None leaves it to the client)."""

    status: int = 500
    type: ClassVar[str] = "api_error"
    code: ClassVar[str | None] = None
    retry: ClassVar[bool | None] = None
    # When (`Retry-After`); None leaves that to the client too.
    retry_after_seconds: int | None = None
    # Refused by how things stand, not by what was sent: a result, which a repeated key gets again.
    is_result: bool = False

    def __init__(
        self, message: str, *, param: str | None = None, code: str | None = None, **details: Any
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.wire_code = code or self.code
        self.details = details  # further keys of the error's body: charge, decline_code, payment_intent, …

    def body(self) -> dict[str, Any]:
        """The answer's JSON, as Stripe's SDKs read it."""
        error: dict[str, Any] = {"type": self.type, "message": self.message}
        if self.wire_code:
            error["code"] = self.wire_code
        if self.param:
            error["param"] = self.param
        error.update(self.details)
        return {"error": error}


class InvalidRequest(TollgateError):
    """The request can't be carried out as it is; repeating it is useless."""

    status = 400
    type = "invalid_request_error"


class ParameterMissing(InvalidRequest):
    code = "parameter_missing"

    def __init__(self, param: str) -> None:
        super().__init__(f"Missing required param: {param}.", param=param)


class ParameterUnknown(InvalidRequest):
    code = "parameter_unknown"

    def __init__(self, param: str) -> None:
        super().__init__(f"Received unknown parameter: {param}", param=param)


class ResourceMissing(InvalidRequest):
    """Nothing of that id belongs to this merchant in this mode. 404 for an id in the path, else 400."""

    code = "resource_missing"

    def __init__(self, kind: str, public_id: str, *, param: str = "id", in_path: bool = False) -> None:
        super().__init__(f"No such {kind}: '{public_id}'", param=param)
        if in_path:
            self.status = 404


class AuthenticationFailed(InvalidRequest):
    status = 401


class ServiceUnavailable(TollgateError):
    """Nothing was done; try again in a moment."""

    status = 503
    retry = True
    retry_after_seconds = 1


class Overtaken(ServiceUnavailable):
    """Somebody wrote between our look and our write, and PostgreSQL refused ours. `in_transaction` looks again."""

    def __init__(
        self, message: str = "Others changed the same at once; nothing was done. Try again."
    ) -> None:
        super().__init__(message)


class DatabaseUnavailable(ServiceUnavailable):
    """PostgreSQL can't be reached or has no connection left. What was begun under a key is finished under it."""

    def __init__(self) -> None:
        super().__init__(
            "The database can't be reached at the moment. Repeat the request with the same Idempotency-Key."
        )
