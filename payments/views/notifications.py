"""Where processors notify us: checked, stored, acknowledged; applied later."""

import logging
import time

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from payments.services.notifications import UnknownProcessor, take_in
from processors.protocol import NotificationRefused

# Notifications are a few hundred bytes.
MOST_BYTES = 256 * 1024

log = logging.getLogger("tollgate.payments")


@csrf_exempt
@require_POST
def receive(request: HttpRequest, processor: str) -> HttpResponse:
    """200 for one that is kept, now or before; 400 with the reason for one that nobody could have sent."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > MOST_BYTES:
        return _refused(f"A notification has at most {MOST_BYTES} bytes.")
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        take_in(processor, body=request.body, headers=headers, now=time.time())
    except UnknownProcessor:
        return JsonResponse({"error": {"message": "No such processor."}}, status=404)
    except NotificationRefused as error:
        log.warning("a notification in the name of %s was refused: %s", processor, error)
        return _refused(str(error))
    return JsonResponse({"received": True})


def _refused(reason: str) -> HttpResponse:
    return JsonResponse({"error": {"message": reason}}, status=400)
