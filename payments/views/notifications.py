"""Where processors notify us: checked, stored, acknowledged; applied later."""

import logging
import time

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from core.identity import client_address
from core.turnstile import too_often
from payments.services.notifications import UnknownProcessor, take_in
from processors.protocol import NotificationRefused

# Notifications are a few hundred bytes.
MOST_BYTES = 256 * 1024
# Whoever is not believed hears why, and is written in the log, so often in a minute. Whoever is believed is never
# counted: nobody can shut a processor out, not even from its own address.
MOST_REFUSED = 20
SPAN_SECONDS = 60

log = logging.getLogger("tollgate.payments")


@csrf_exempt
@require_POST
def receive(request: HttpRequest, processor: str) -> HttpResponse:
    """200 for one that is kept, now or before; 400 with the reason for one that nobody could have sent, and 429 for
    whoever goes on with those."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > MOST_BYTES:
        return _refused(request, processor, f"A notification has at most {MOST_BYTES} bytes.")
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        take_in(processor, body=request.body, headers=headers, now=time.time())
    except UnknownProcessor:
        return _refused(request, processor, "No such processor.", status=404)
    except NotificationRefused as error:
        return _refused(request, processor, str(error))
    return JsonResponse({"received": True})


def _refused(request: HttpRequest, processor: str, reason: str, status: int = 400) -> HttpResponse:
    address = client_address(request) or "nowhere"
    if too_often(f"notifications:{address}", most=MOST_REFUSED, seconds=SPAN_SECONDS):
        told = {"error": {"message": "Too many notifications that could not be verified. Try again later."}}
        return JsonResponse(told, status=429, headers={"Retry-After": str(SPAN_SECONDS)})
    log.warning("a notification in the name of %s was refused: %s", processor[:60], reason)
    return JsonResponse({"error": {"message": reason}}, status=status)
