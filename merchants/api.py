"""What every endpoint of the API has in common: who may call it and how it reads its parameters."""

import functools
from typing import Any, ClassVar, TypeVar

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from core.errors import AuthenticationFailed, InvalidRequest
from core.forms import parse_body, parse_form
from core.params import Params, read
from merchants.answers import JSON, JsonRenderer
from merchants.auth import Caller
from merchants.limits import admit
from merchants.scopes import level_of

P = TypeVar("P", bound=Params)

RENDERER = JsonRenderer()
# Never asked; a Request that is given none makes its own.
NEGOTIATION = DefaultContentNegotiation()


class SecretKeyRequired(AuthenticationFailed):
    code = "secret_key_required"

    def __init__(self) -> None:
        super().__init__(
            "This API call cannot be made with a publishable API key. Please use a secret API key."
        )


class MerchantView(APIView):
    """An endpoint under /v1. A secret key is needed unless the class says that a publishable one will do; a
    restricted key needs the permission to read, or to write, the class's `resource`. Without one it opens nothing."""

    resource: ClassVar[str] = ""
    publishable_allowed: ClassVar[bool] = False
    # OPTIONS is none of the API's methods: DRF would describe its own classes.
    metadata_class = None
    caller: Caller

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        """Without parsers and authenticators: parameters and callers are known by other ways."""
        return Request(request, negotiator=NEGOTIATION)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        plain: Any = request._request
        if plain.refusal is not None:
            raise plain.refusal
        self.caller = plain.caller
        if not plain.admitted:
            admit(plain)
        if not self.caller.secret and not self.publishable_allowed:
            raise SecretKeyRequired
        self.caller.require(self.resource, level_of(request.method))

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        """JSON, whatever a client would like better."""
        return RENDERER, JSON

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {"Allow": _allowed(type(self))}  # type: ignore[arg-type]  # classes can be hashed

    def read(self, request: Request, shape: type[P]) -> P:
        """The request's parameters (the body's, or a GET's query) as the endpoint's struct."""
        return read(shape, parameters(request._request))


@functools.cache
def _allowed(view: type[MerchantView]) -> str:
    return ", ".join(view().allowed_methods)


class LengthRequired(InvalidRequest):
    status = 411

    def __init__(self) -> None:
        super().__init__("The request needs a Content-Length header; chunked bodies are not read.")


class BodyTooLarge(InvalidRequest):
    status = 413

    def __init__(self, most: int) -> None:
        super().__init__(f"The request's body is larger than {most} bytes.")


def parameters(request: Any) -> dict[str, Any]:
    """The parameters of a request, parsed once."""
    known: dict[str, Any] | None = getattr(request, "parameters", None)
    if known is None:
        if request.method == "POST":
            if "HTTP_TRANSFER_ENCODING" in request.META:
                # Django reads as much as Content-Length says, so the body would count as empty.
                raise LengthRequired
            try:
                body = request.body
            except RequestDataTooBig as error:
                raise BodyTooLarge(settings.DATA_UPLOAD_MAX_MEMORY_SIZE) from error
            known = parse_body(request.META.get("CONTENT_TYPE", ""), body)
        else:
            known = parse_form(request.META.get("QUERY_STRING", ""))
        request.parameters = known
    return known
