"""The layers around every request: the API has an id and JSON, and none of the console's cookies, pages and forms."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from core.ids import random_text
from merchants.services import create_merchant

pytestmark = pytest.mark.usefixtures("books")


@pytest.fixture
def bearer() -> dict[str, str]:
    return {"Authorization": f"Bearer {create_merchant('A shop').keys['sk_test']}"}


@pytest.fixture
def staff() -> User:
    return User.objects.create_superuser(f"maria-{random_text(6)}", password="not a secret here")


def test_the_api_knows_no_sessions(bearer: dict[str, str], staff: User) -> None:
    browser = Client()
    browser.force_login(staff)
    assert browser.get("/v1/charges").status_code == 401
    answered = browser.get("/v1/charges", headers=bearer)
    assert answered.status_code == 200
    assert not answered.cookies
    assert "Vary" not in answered.headers
    assert answered.headers["Request-Id"].startswith("req_")
    assert answered.headers["X-Content-Type-Options"] == "nosniff"


def test_the_console_keeps_its_guards(staff: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    page = browser.get("/admin/login/")
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.cookies["csrftoken"].value
    login = {"username": staff.username, "password": "not a secret here"}
    assert browser.post("/admin/login/", login).status_code == 403
    token = {"csrfmiddlewaretoken": page.cookies["csrftoken"].value}
    welcome = browser.post("/admin/login/?next=/admin/", login | token)
    assert (welcome.status_code, welcome.headers["Location"]) == (302, "/admin/")
    assert browser.get("/admin/").status_code == 200


@pytest.mark.parametrize(
    ("proxies", "said", "taken"),
    [(0, "edge-1", False), (1, "edge-1", True), (1, "", False), (1, "a b", False), (1, "x" * 41, False)],
)
def test_the_id_of_a_request_is_its_edge_s_where_that_is_ours(
    bearer: dict[str, str], settings: Any, proxies: int, said: str, taken: bool
) -> None:
    settings.TRUSTED_PROXIES = proxies
    answered = Client().get("/v1/charges", headers=bearer | {"X-Request-Id": said})
    assert (answered.headers["Request-Id"] == said) == taken
    assert taken or answered.headers["Request-Id"].startswith("req_")


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "*/*", "nonsense"])
def test_json_is_all_there_is_to_accept(bearer: dict[str, str], accept: str) -> None:
    listed = Client().get("/v1/charges", headers=bearer | {"Accept": accept})
    assert (listed.status_code, listed.headers["Content-Type"]) == (200, "application/json")
    refused = Client().delete("/v1/charges", headers=bearer | {"Accept": accept})
    assert (refused.status_code, refused.headers["Content-Type"]) == (405, "application/json")
    assert refused.headers["Allow"] == "GET, POST, OPTIONS"
