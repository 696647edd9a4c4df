"""Stripe's SDK over our own HTTP: one deadline for all the calls that an outcome takes, nothing sent twice, and an
error of its own for what provably never left."""

import logging
import time
from collections.abc import Mapping
from typing import Any

import stripe

from core.http import Http, NoAnswer, NoConnection

# It would write an id into the home folder, and tell Stripe how long our calls take.
stripe.enable_telemetry = False
# It would tell of every call.
logging.getLogger("stripe").setLevel(logging.WARNING)


# Stripe takes files at an address of their own; whoever speaks its wire otherwise, at the same one.
AT_STRIPE, FILES_AT_STRIPE = "https://api.stripe.com", "https://files.stripe.com"


class NoAnswerCame(stripe.APIConnectionError):
    def __init__(self, why: str) -> None:
        super().__init__(why)  # type: ignore[no-untyped-call]


class NeverLeft(NoAnswerCame):
    """Not one byte of the request left this process."""


class Garbled(NoAnswerCame):
    """An answer that Stripe would not give: something on the way, or somebody else, spoke."""


def client(http: Http, *, key: str, base_url: str, timeout_seconds: float) -> stripe.StripeClient:
    """For the calls of one outcome; making it costs microseconds."""
    return stripe.StripeClient(
        key,
        base_addresses={"api": base_url, "files": FILES_AT_STRIPE if base_url == AT_STRIPE else base_url},
        http_client=_Wire(http, time.monotonic() + timeout_seconds),
        max_network_retries=0,
    )


class _Wire(stripe.HTTPClient):
    name = "urllib3"

    def __init__(self, http: Http, ends_at: float) -> None:
        super().__init__()
        self._http = http
        self._ends_at = ends_at

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise NeverLeft("no time was left to call")
        try:
            answer = self._http.call(
                method.upper(),
                url,
                headers=headers or {},
                body=post_data.encode() if isinstance(post_data, str) else post_data or None,
                timeout_seconds=left,
            )
        except NoConnection as error:
            raise NeverLeft(str(error)) from error
        except NoAnswer as error:
            raise NoAnswerCame(str(error)) from error
        return answer.content.decode(errors="replace"), answer.status, answer.headers
