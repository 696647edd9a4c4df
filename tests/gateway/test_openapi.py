"""The OpenAPI document is that of the code, and says all that the code answers to."""

import json
from typing import Any

import pytest
from django.conf import settings

from gateway.management.commands.draw_openapi import openapi_page
from gateway.openapi import document
from tests.system.test_tenancy import ROUTES


@pytest.fixture(scope="module")
def drawn() -> dict[str, Any]:
    return document()


def test_the_document_is_in_step_with_the_code() -> None:
    written = (settings.BASE_DIR / "docs" / "openapi.json").read_text()
    assert written == openapi_page(), "run `manage.py draw_openapi`"


def test_each_address_and_method_is_in_it(drawn: dict[str, Any]) -> None:
    served = {
        (route.template.replace("<str:", "{").replace(">", "}"), method.lower())
        for route in ROUTES
        for method in route.methods
    }
    served |= {("/v1/tokens", "post"), ("/v1/payment_methods", "post")}
    assert {(path, method) for path, methods in drawn["paths"].items() for method in methods} == served


def test_it_tells_what_a_request_may_hold(drawn: dict[str, Any]) -> None:
    charge = drawn["components"]["schemas"]["ChargeParams"]
    assert charge["required"] == ["amount", "currency", "source"]
    assert charge["additionalProperties"] is False
    asked = {each["name"]: each for each in drawn["paths"]["/v1/charges"]["get"]["parameters"]}
    assert asked["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 100}
    assert {"starting_after", "payment_intent", "expand[]"} < set(asked)


def test_every_reference_leads_somewhere(drawn: dict[str, Any]) -> None:
    text = json.dumps(drawn)
    for part in text.split('"$ref": "')[1:]:
        place: Any = drawn
        for step in part.split('"')[0].removeprefix("#/").split("/"):
            place = place[step]
