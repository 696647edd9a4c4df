"""A merchant's server with an SDK: the same key until there is an answer, over whichever web process answers."""

import random
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import urllib3

from tests.chaos.rig import Rig

http = urllib3.PoolManager(retries=False, maxsize=64)
# A frozen process holds its callers for so long.
TIMEOUT_SECONDS = 3.0
# A few leases of 30 seconds, one after another, on a machine that is busy elsewhere; less than beat's own search for
# disputes takes to come round, so that the bank's notifications have to arrive.
PATIENCE_SECONDS = 240.0
FIRST_PAUSE_SECONDS = 0.3
LONGEST_PAUSE_SECONDS = 3.0


class NeverAnswered(AssertionError):
    pass


@dataclass
class Told:
    """The last that a client was told under one key; `status` 0 for one that gave up before it was told anything."""

    key: str
    path: str
    fields: dict[str, Any]
    status: int = 0
    body: dict[str, Any] = field(default_factory=dict)
    raw: bytes = b""
    # Whether that was the end of it: an answer that is kept, or a refusal.
    final: bool = False


@dataclass
class Shopper:
    rig: Rig
    key: str
    dice: random.Random
    told: list[Told] = field(default_factory=list)
    # What goes on after its answer: looked at again in the end.
    followed: list[Told] = field(default_factory=list)

    def ask(self, path: str, fields: dict[str, Any], *, returns: bool = True) -> Told:
        """Until it is answered for good; `returns` False: tries once and never comes back."""
        told = Told(f"chaos-{self.dice.getrandbits(64):x}", path, fields)
        self.told.append(told)
        deadline, pause = time.monotonic() + PATIENCE_SECONDS, FIRST_PAUSE_SECONDS
        while True:
            self.try_once(told)
            if told.final or not returns:
                return told
            if time.monotonic() > deadline:
                raise NeverAnswered(f"{path} under {told.key}: still {told.status} {told.body}")
            # As SDKs do: twice as long each time, with jitter, up to a bound.
            time.sleep(pause * self.dice.uniform(0.5, 1))
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def see(self, path: str) -> dict[str, Any]:
        """As the API shows it now."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            web = self.dice.choice(self.rig.webs)
            headers = {"Authorization": f"Bearer {self.key}"}
            with suppress(urllib3.exceptions.HTTPError):
                answer = http.request("GET", web.url + path, headers=headers, timeout=TIMEOUT_SECONDS)
                if answer.status == 200:
                    shown: dict[str, Any] = answer.json()
                    return shown
            time.sleep(FIRST_PAUSE_SECONDS)
        raise NeverAnswered(path)

    def first_of(self, path: str, *, seconds: float) -> dict[str, Any] | None:
        """The first row of a list, once there is one; None where none comes in that time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if rows := self.see(path)["data"]:
                first: dict[str, Any] = rows[0]
                return first
            time.sleep(FIRST_PAUSE_SECONDS)
        return None

    def try_once(self, told: Told) -> Any:
        """The response's headers; an answer that is no result leaves what was told before."""
        web = self.dice.choice(self.rig.webs)
        headers = {
            "Authorization": f"Bearer {self.key}",
            "Idempotency-Key": told.key,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        body = urlencode(told.fields)
        try:
            answer = http.request(
                "POST", web.url + told.path, body=body, headers=headers, timeout=TIMEOUT_SECONDS
            )
        except urllib3.exceptions.HTTPError:
            return {}
        if answer.status == 409 or answer.status >= 500:
            return {}
        if told.final:
            assert (told.status, told.raw) == (answer.status, answer.data), f"{told.key} was told two things"
        told.status, told.raw, told.body = answer.status, answer.data, answer.json()
        told.final = answer.status >= 400 or answer.headers.get("Stripe-Should-Retry") == "false"
        return answer.headers
