"""Errors as JSON, the framework's own included. None of them shows what was sent."""

import logging

import msgspec
from django.http import HttpRequest, HttpResponse

from core.errors import InvalidRequest, TollgateError
from core.redaction import redact
from core.trail import note
from vault.places import places

log = logging.getLogger("tollgate.vault")


def error_response(error: TollgateError) -> HttpResponse:
    """An error as the wire has it, with the headers that steer the SDKs' retries."""
    note(error=error.wire_code or error.type)
    body = redact(msgspec.json.encode(error.body()).decode())
    response = HttpResponse(body.encode(), status=error.status, content_type="application/json")
    if error.retry is not None:
        response["Stripe-Should-Retry"] = "true" if error.retry else "false"
    if error.retry_after_seconds is not None:
        response["Retry-After"] = str(error.retry_after_seconds)
    return response


def unforeseen(error: BaseException) -> HttpResponse:
    """A 500 that tells the log where, and nobody what."""
    log.error("unforeseen: %s", places(error))
    return error_response(
        TollgateError("Something went wrong in the vault. Try again with the same Idempotency-Key.")
    )


def wrong_method(request: HttpRequest) -> HttpResponse:
    error = InvalidRequest(f"Unrecognized request URL ({request.method}: {request.path}).")
    error.status = 405
    return error_response(error)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    # Not even the address: somebody may have put a card there.
    error = InvalidRequest(f"Unrecognized request URL ({request.method}).")
    error.status = 404
    return error_response(error)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_response(InvalidRequest("The request could not be read."))


def server_error(request: HttpRequest) -> HttpResponse:
    return error_response(TollgateError("Something went wrong in the vault."))
