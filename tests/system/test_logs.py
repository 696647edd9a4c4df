"""One search of the logs for a request's id tells its payment's story, from the edge to the bank and the webhook."""

import json
from typing import Any

import pytest

from merchants.services import NewMerchant
from tests.support.bank import Bank
from tests.support.client import Client
from tests.support.eventually import eventually
from tests.support.processes import Process, System


@pytest.fixture
def client(system: System, shop: NewMerchant) -> Client:
    client = Client(system.web.url, shop.keys["sk_test"])
    client.post("/v1/webhook_endpoints", {"url": "http://127.0.0.1:9/hook", "enabled_events[]": "*"})
    return client


def lines(process: Process, of: str) -> list[str]:
    return [line for line in process.log.read_text().splitlines() if of in line]


def told(process: Process, of: str, event: str, **facts: Any) -> list[dict[str, Any]]:
    """The lines of that request, or of anything else, that tell so much."""
    found = [json.loads(line) for line in lines(process, of)]
    return [line for line in found if line | {"event": event} | facts == line]


def test_a_payment_s_story_is_one_search(system: System, client: Client, shop: NewMerchant) -> None:
    charge = client.charge()
    request, public_id = charge.headers["Request-Id"], charge.json()["id"]

    (web,) = told(system.web, request, "request", method="POST", path="/v1/charges", status=200)
    assert (web["charge"], web["merchant"]) == (public_id, shop.merchant.public_id)
    assert shop.keys["sk_test"] not in json.dumps(web)
    (vault,) = told(system.vault, request, "request", route="/internal/forward", outcome="Answered")
    assert vault["payment"] == web["payment_intent"]
    (bank,) = lines(system.bank, request)
    assert web["operation"] in bank
    deliveries = eventually(lambda: told(system.worker, request, "delivery", object=public_id))
    assert deliveries[0]["error"]


def test_who_finishes_a_payment_later_writes_under_the_request_that_began_it(
    system: System, client: Client, bank: Bank
) -> None:
    bank.notify("lost")
    bank.fault("drop_after", match={"kind": "authorize"}, times=1)
    charge = client.charge()
    request = charge.headers["Request-Id"]
    assert charge.json()["status"] == "pending"
    (swept, *_) = eventually(lambda: told(system.worker, request, "swept", final=True), seconds=60)
    assert swept["begun_by"] == request
    assert [line for line in lines(system.bank, request) if "lookup" in line]


def test_a_refusal_is_told_with_its_reason(system: System, client: Client) -> None:
    refused = client.get("/v1/charges/ch_x?client_secret=x")
    (line,) = told(system.web, refused.headers["Request-Id"], "request", status=400)
    assert (line["error"], line["path"]) == ("parameter_unknown", "/v1/charges/ch_x")
