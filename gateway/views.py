"""Health, and the framework's own errors: JSON for the API, whose clients can read nothing else."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.views import defaults

from core.errors import TollgateError
from merchants.answers import error_response, unrecognized


def health(request: HttpRequest) -> HttpResponse:
    """This process serves. It asks nobody else, so that a slow database does not get web restarted."""
    return JsonResponse({"status": "ok"})


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not _is_api(request):
        return defaults.page_not_found(request, exception)
    refusal: TollgateError | None = getattr(request, "refusal", None)
    if refusal is not None:
        return error_response(refusal)
    answer = unrecognized(request.method or "", request.path)
    return JsonResponse(answer["body"], status=answer["status"])


def forbidden(request: Any, exception: Exception) -> HttpResponse:
    """Says whose page it is not, and leads back."""
    if not request.user.is_authenticated:
        return defaults.permission_denied(request, exception)
    context = {
        "title": "This is not for your role",
        "site_title": admin.site.site_title,
        "roles": list(request.user.groups.order_by("name").values_list("name", flat=True)),
    }
    return TemplateResponse(request, "console/forbidden.html", context, status=403).render()


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not _is_api(request):
        return defaults.bad_request(request, exception)
    body = {"error": {"type": "invalid_request_error", "message": "The request could not be read."}}
    return JsonResponse(body, status=400)


def server_error(request: HttpRequest) -> HttpResponse:
    if not _is_api(request):
        return defaults.server_error(request)
    body = {
        "error": {
            "type": "api_error",
            "message": "Something went wrong on our side. Repeat the request with the same Idempotency-Key: "
            "what was begun is finished, never done twice.",
        }
    }
    return JsonResponse(body, status=500)


def _is_api(request: HttpRequest) -> bool:
    return request.path_info.lstrip("/").startswith("v1")
