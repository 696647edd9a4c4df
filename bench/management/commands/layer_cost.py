"""How long the idempotency layer takes by itself: its own work on a charge's request around a view that does nothing.
Prints seconds per request; the last Redis lookup of each finds nothing, as that of a first request does."""

import time
import uuid
from typing import Any

from django.core.management.base import BaseCommand
from django.http import HttpResponse
from django.test import RequestFactory

from idempotency.middleware import IdempotencyMiddleware
from merchants.auth import Caller
from merchants.models import ApiKey

FORM = "amount=10000&currency=usd&source=tok_visa&description=Order+7&metadata[order]=7"
PASSES = 2_000


class Command(BaseCommand):
    help = "Seconds that the idempotency layer adds to a request."

    def handle(self, *args: Any, **options: Any) -> None:
        layer = IdempotencyMiddleware(lambda request: HttpResponse())
        spent = 0.0
        for _ in range(PASSES):
            request = self._request()
            began = time.perf_counter()
            layer(request)
            spent += time.perf_counter() - began
        self.stdout.write(f"{spent / PASSES:.9f}")

    def _request(self) -> Any:
        request: Any = RequestFactory().post(
            "/v1/charges",
            FORM,
            content_type="application/x-www-form-urlencoded",
            headers={"Idempotency-Key": str(uuid.uuid4())},
        )
        request.caller = Caller(1, "acct_bench", False, ApiKey.Kind.SECRET, 1, "bench", 0)
        request.request_id = "req_bench"
        return request
