"""What stands before every endpoint: HTTPS in production, a database that answers, JSON for whatever goes wrong."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client, override_settings

from merchants.services import create_merchant

pytestmark = pytest.mark.usefixtures("books")


@pytest.fixture
def bearer() -> dict[str, str]:
    return {"Authorization": f"Bearer {create_merchant('A shop').keys['sk_test']}"}


def test_plain_http_is_refused_where_keys_are_worth_something(bearer: dict[str, str]) -> None:
    with override_settings(REQUIRE_TLS=True):
        refused = Client().get("/v1/charges", headers=bearer)
        served = Client().get("/v1/charges", headers=bearer, secure=True)
    assert (refused.status_code, served.status_code) == (400, 200)
    assert "HTTPS" in refused.json()["error"]["message"]


def test_a_pool_without_connections_is_a_503(bearer: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    from merchants import auth

    pool: Any = connection.pool  # type: ignore[attr-defined]
    connection.close()
    monkeypatch.setattr(pool, "timeout", 0.2)
    taken = [pool.getconn() for _ in range(pool.max_size)]
    try:
        unknown_caller = Client().get("/v1/charges", headers=bearer)
        connection.close()
        monkeypatch.setattr(auth, "_remembered", {})
    finally:
        for raw in taken:
            pool.putconn(raw)
    assert unknown_caller.status_code == 503
    assert unknown_caller.headers["Retry-After"] == "1"
    assert unknown_caller.headers["Stripe-Should-Retry"] == "true"
    assert Client().get("/v1/charges", headers=bearer).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", "/v1/nowhere", 404),
        ("delete", "/v1/charges/ch_x", 405),
        ("delete", "/v1/charges", 405),
        ("put", "/v1/refunds", 405),
        ("get", "/v1/charges/ch_x", 404),
        ("get", "/v1/charges?limit=0", 400),
        ("get", "/v1/charges?created[gt]=999999999999999", 400),
        ("get", "/v1/charges?created=x", 400),
        ("get", "/v1/charges?%ff=1", 400),
    ],
)
def test_errors_are_json(bearer: dict[str, str], method: str, path: str, status: int) -> None:
    response = getattr(Client(), method)(path, headers=bearer)
    assert response.status_code == status
    assert json.loads(response.content)["error"]["type"] == "invalid_request_error"
    assert response.headers["Request-Id"].startswith("req_")


def test_an_unknown_url_without_a_key_is_a_401() -> None:
    assert Client().get("/v1/nowhere").status_code == 401
