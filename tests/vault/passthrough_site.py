"""The gateway's passthrough layer alone, between a caller that a header names and a last layer that says what
reached it. Its database can't be reached, so passing a card on must do without."""

import os
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.module_loading import import_string

from core.limits import Limit

settings.configure(
    SECRET_KEY="only-a-test",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["core", "merchants"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": "127.0.0.1",
            "PORT": 1,
            "NAME": "nowhere",
            "OPTIONS": {"pool": True},
        }
    },
    MIDDLEWARE=[
        "tests.vault.passthrough_site.NamedCaller",
        "gateway.card_passthrough.CardPassthroughMiddleware",
        "tests.vault.passthrough_site.LastLayer",
    ],
    REDIS_URL=os.environ["REDIS_URL"],
    CACHES={"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": os.environ["REDIS_URL"]}},
    TRUSTED_PROXIES=0,
    RATE_LIMITS={"key": Limit(1_000_000, "s")},
    VAULT_URL=os.environ["VAULT_URL"],
    VAULT_SHARED_SECRET=os.environ["VAULT_SHARED_SECRET"],
    USE_TZ=True,
)
urlpatterns: list[Any] = []


class NamedCaller:
    """`Test-Caller: acct_… 0`, instead of an API key."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        # By name: models can be imported once the settings above are in force.
        self.caller = import_string("merchants.auth.Caller")

    def __call__(self, request: Any) -> HttpResponse:
        merchant, _, mode = request.META.get("HTTP_TEST_CALLER", "").partition(" ")
        request.request_id = "req_1"
        request.caller = (
            self.caller(1, merchant, mode == "1", "secret", 1, "sk_test_…", 0) if merchant else None
        )
        return self.get_response(request)


class LastLayer:
    """Tells what reached it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path == "/health":
            return JsonResponse({"status": "ok"})
        return JsonResponse({"reached": request.path, "body": request.body.decode()}, status=404)


application = get_wsgi_application()
