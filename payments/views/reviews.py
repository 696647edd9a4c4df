"""Reviews: payments that are held until somebody has looked at them."""

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from core.listing import ListParams, list_page
from core.params import Params
from idempotency.middleware import answer_response
from payments import queries, serializers
from payments.attempts import Actor
from payments.services.reviews import approve_review
from payments.views.base import PaymentView
from risk.models import Review


class Reviews(PaymentView):
    kind = "review"
    resource = "reviews"

    def get(self, request: Request) -> Response:
        """As Stripe's list: those that are open, newest first."""
        asked = self.read(request, ListParams)
        own = queries.reviews(self.caller).filter(state=Review.State.OPEN)
        return Response(list_page(own, asked, url="/v1/reviews", kind="review", render=show_reviews))


class ReviewDetail(PaymentView):
    kind = "review"
    resource = "reviews"

    def get(self, request: Request, public_id: str) -> Response:
        self.read(request, Params)
        return Response(serializers.review(queries.review(self.caller, public_id)))


class ReviewApprove(PaymentView):
    kind = "review"
    resource = "reviews"

    def post(self, request: Request, public_id: str) -> HttpResponse:
        self.read(request, Params)
        found = queries.review(self.caller, public_id)
        key = self.key(request)
        actor = Actor(self.caller.key_name, request._request.request_id)  # type: ignore[attr-defined]
        return answer_response(approve_review(found, actor=actor, key=key))


def show_reviews(rows: list[Review]) -> list[dict[str, Any]]:
    return [serializers.review(row) for row in rows]
