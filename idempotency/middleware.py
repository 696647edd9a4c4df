"""Guards every POST under /v1 that carries an Idempotency-Key: replays a finished one, and hands the view a
key to claim with. The claim itself is taken by the service, in the transaction of the work."""

from collections.abc import Callable
from typing import Any

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse

from core.errors import DatabaseUnavailable, TollgateError
from idempotency import cache
from idempotency.errors import KeyRequired
from idempotency.keys import Answer, Key, check_key, fingerprint
from idempotency.services import keep_refusal, settle
from merchants.answers import JSON, error_response
from merchants.api import parameters
from merchants.limits import admit

REFUSED = (400, 404)


class IdempotencyMiddleware:
    """`request.idempotency_key` is the Key, or None where the client sent none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponse:
        if request.method != "POST" or not request.path_info.startswith("/v1/"):
            return self.get_response(request)
        request.idempotency_key = None
        text = request.META.get("HTTP_IDEMPOTENCY_KEY", "")
        # Answers belong to who holds the secret key: what it was told is nothing for a browser's key.
        if not text or request.caller is None or not request.caller.secret:
            return self.get_response(request)
        try:
            response = self._guarded(request, text)
        except TollgateError as error:
            response = error_response(error)
        except OperationalError:
            response = error_response(DatabaseUnavailable())
        response["Idempotency-Key"] = text.encode("ascii", "replace").decode()
        return response

    def _guarded(self, request: Any, text: str) -> HttpResponse:
        key = Key(
            merchant_id=request.caller.merchant_id,
            livemode=request.caller.livemode,
            text=check_key(text),
            fingerprint=fingerprint(request.path_info, parameters(request)),
            request_id=request.request_id,
        )
        # What `expand` adds is looked up anew each time: that is the view's, not Redis's.
        # Nor is it known here what a restricted key may: the view is asked, and PostgreSQL has the answer too.
        recallable = not request.caller.restricted and "expand" not in parameters(request)
        # The request is counted in the same round trip.
        answers = admit(request, *([cache.question(key)] if recallable else []))
        if answers and (known := cache.answer_in(key, answers[0])):
            return answer_response(known)
        request.idempotency_key = key
        response = self.get_response(request)
        if answer := getattr(response, "answer", None):
            if answer.final and answer.replayed:
                # Not the first time: most answers are never asked for again.
                cache.remember(key, answer)
        elif response.status_code in REFUSED:
            # The view refused the request before it took the claim. A key that was used before still
            # answers for itself: with its first answer, or by refusing another request's parameters.
            settled = settle(key)
            if isinstance(settled, Answer):
                return answer_response(settled)
            if settled is None and getattr(response, "is_result", False):
                refusal = Answer(response.status_code, response.content.decode())
                return answer_response(keep_refusal(key, refusal))
        return response


def required_key(request: Any) -> Key:
    """The request's key. KeyRequired without one: for endpoints that move money."""
    key: Key | None = request.idempotency_key
    if key is None:
        raise KeyRequired
    return key


def answer_response(answer: Answer) -> HttpResponse:
    """An Answer as the response of a view; the middleware reads it back from there."""
    response = HttpResponse(answer.body.encode(), status=answer.status, content_type=JSON)
    response.answer = answer  # type: ignore[attr-defined]
    if answer.original_request:
        response["Original-Request"] = answer.original_request
    if answer.replayed:
        response["Idempotent-Replayed"] = "true"
    if answer.final:
        response["Stripe-Should-Retry"] = "false"
    return response
