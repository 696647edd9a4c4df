"""`manage.py check --deploy`: what an operator must have said before the first request comes."""

import os
from typing import Any

from django.core.checks import CheckMessage, Warning, register


@register(deploy=True)
def proxies(**kwargs: Any) -> list[CheckMessage]:
    """By whose word an address is believed has been decided."""
    if "TRUSTED_PROXIES" in os.environ:
        return []
    return [
        Warning(
            "TRUSTED_PROXIES is not set: behind a proxy all clients would count as one address, for limits, "
            "lock-outs and the allowed addresses of keys. Say how many proxies of yours a request passes.",
            id="gateway.W001",
        )
    ]
