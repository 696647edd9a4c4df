"""What tests of reconciliation do at the bank, and what they know of the gateway."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import urllib3
from django.conf import settings

from payments import routing
from payments.models import Operation
from reconciliation.terms import Terms
from tests.console.world import World

http = urllib3.PoolManager(retries=False, timeout=60)


class Desk:
    """The bank's counter, whose days the tests close."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.terms = Terms("sandbox", False, "sandbox", basis_points=150, grace_days=1)
        self.today = datetime.now(UTC).date()

    def err(self, charge_or_refund: str, error: str) -> str:
        """The bank will err about it; the reference that it is about."""
        rows = Operation.objects.filter(state="succeeded")
        found = rows.filter(refund__public_id=charge_or_refund) or rows.filter(
            charge__public_id=charge_or_refund, refund=None
        )
        reference = found.get().public_id
        self.order_error(reference, error)
        return reference

    def order_error(self, reference: str, error: str) -> None:
        self.ask("/control/settlement_errors", {"reference": reference, "error": error})

    def close(self, day: date) -> bytes:
        """The bank's file of a day, which it closes now."""
        self.ask("/control/settlements", {"day": str(day)})
        return self.fetch(f"/v1/settlements/{day}")

    def statement(self, day: date) -> bytes:
        return self.fetch(f"/v1/statements/{day}")

    def owed(self) -> dict[str, int]:
        answer = http.request("GET", f"{self.world.bank_url}/control/owed").json()
        owed: dict[str, int] = answer["owed"]
        return owed

    def fetch(self, path: str) -> bytes:
        answer = http.request("GET", self.world.bank_url + path)
        assert answer.status == 200, answer.data
        return bytes(answer.data)

    def ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = http.request("POST", self.world.bank_url + path, json=body)
        assert answer.status == 200, answer.data
        said: dict[str, Any] = answer.json()
        return said


@contextmanager
def processor_at(url: str) -> Iterator[None]:
    """This process asks the same bank as the gateway."""
    options = settings.PROCESSORS["sandbox"]["options"]
    before, options["url"] = options["url"], url
    routing.processor.cache_clear()
    yield
    options["url"] = before
    routing.processor.cache_clear()
