"""Names what a request is at, so that a fault can wait for that endpoint."""

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from core.faults import doing

CAME_BACK = "/pay/return/"
ID = re.compile(r"^[a-z]+_[0-9A-Za-z]{10,}$")


class Labels:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        before = doing.set(label(request.path_info) if _changes(request) else "reading")
        try:
            return self.get_response(request)
        finally:
            doing.reset(before)


def _changes(request: HttpRequest) -> bool:
    """A browser that comes back from a bank goes on with its payment."""
    return request.method == "POST" or request.path_info.startswith(CAME_BACK)


def label(path: str) -> str:
    """`/v1/charges/ch_…/capture` as `charges.id.capture`: a file may be called so."""
    if path.startswith(CAME_BACK):
        return "pay.return"
    steps = path.removeprefix("/v1/").strip("/").split("/")
    return ".".join("id" if ID.match(step) else step for step in steps)
