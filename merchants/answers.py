"""How the API answers: JSON always, errors in Stripe's shape, and what steers the SDKs' retries."""

import logging
from typing import Any

import msgspec
import psycopg
from django.db import OperationalError
from django.http import Http404, HttpResponse
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.renderers import BaseRenderer
from rest_framework.response import Response

from core.errors import DatabaseUnavailable, ResourceMissing, TollgateError
from core.trail import note

JSON = "application/json"
log = logging.getLogger("tollgate.api")
# The form of every object, which the SDKs pin.
API_VERSION = "2026-10-28.endive"


class JsonRenderer(BaseRenderer):
    media_type = JSON
    format = "json"
    charset = None

    def render(self, data: Any, *args: Any, **kwargs: Any) -> bytes:
        return msgspec.json.encode(data)


def answer_error(error: Exception, context: dict[str, Any]) -> Response | HttpResponse | None:
    """DRF's exception handler. None leaves an unforeseen error to Django, which logs it and answers 500."""
    match error:
        case TollgateError():
            return error_response(error)
        case OperationalError() | psycopg.OperationalError():
            log.error("%s", error)
            return error_response(DatabaseUnavailable())
        case MethodNotAllowed():
            request = context["request"]
            return Response(unrecognized(request.method, request.path)["body"], status=405)
        case Http404():
            return Response(ResourceMissing("object", "").body(), status=404)
        case _:
            return None


def error_response(error: TollgateError) -> HttpResponse:
    """An error as the wire has it, with the headers that steer the SDKs' retries."""
    note(error=error.wire_code or error.type)
    response = HttpResponse(msgspec.json.encode(error.body()), status=error.status, content_type=JSON)
    if error.retry is not None:
        response["Stripe-Should-Retry"] = "true" if error.retry else "false"
    if error.retry_after_seconds is not None:
        response["Retry-After"] = str(error.retry_after_seconds)
    response.is_result = error.is_result  # type: ignore[attr-defined]
    return response


def unrecognized(method: str, path: str) -> dict[str, Any]:
    """The answer to a URL that the API does not have."""
    message = f"Unrecognized request URL ({method}: {path})."
    return {"status": 404, "body": {"error": {"type": "invalid_request_error", "message": message}}}
