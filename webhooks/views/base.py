"""What the views of this app share."""

from typing import Annotated, Any

import msgspec
from rest_framework.request import Request

from core.errors import InvalidRequest
from core.params import Params

Pattern = Annotated[str, msgspec.Meta(max_length=100)]


def refuse_expand(given: Params) -> None:
    if given.expand:
        raise InvalidRequest(f"This property cannot be expanded ({given.expand[0]}).", param="expand")


def key_of(request: Request) -> Any:
    return request._request.idempotency_key  # type: ignore[attr-defined]  # set by IdempotencyMiddleware
