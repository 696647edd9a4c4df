"""/metrics: what waits, and since when, for whoever has the token."""

from typing import Any

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from core.db import release_connection
from tests.webhooks.conftest import Shop
from webhooks.services.relay import relay


def told(token: str) -> dict[str, float]:
    reply = Client().get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert reply.status_code == 200, reply.content
    families = text_string_to_metric_families(reply.content.decode())
    return {sample.name: sample.value for family in families for sample in family.samples}


def test_the_relay_s_lag_grows_with_what_it_has_not_taken(shop: Shop, settings: Any) -> None:
    settings.METRICS_TOKEN = "a-token"
    shop.endpoint("http://127.0.0.1:9/hooks")
    assert told("a-token")["tollgate_events_not_relayed"] == 0
    shop.event()
    shop.event()
    release_connection()
    late = told("a-token")
    assert late["tollgate_events_not_relayed"] == 2
    assert late["tollgate_events_not_relayed_oldest_seconds"] > 0
    relay()
    now = told("a-token")
    assert now["tollgate_events_not_relayed"] == 0
    assert now["tollgate_events_not_relayed_oldest_seconds"] == 0
    assert now["tollgate_deliveries_overdue"] == 2


@pytest.mark.parametrize(("token", "given"), [("a-token", "another"), ("a-token", ""), ("", "")])
def test_without_the_token_there_is_no_such_page(token: str, given: str, settings: Any) -> None:
    settings.METRICS_TOKEN = token
    assert Client().get("/metrics", headers={"Authorization": f"Bearer {given}"}).status_code == 404
