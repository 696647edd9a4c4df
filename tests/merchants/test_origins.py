"""Which pages may bring a merchant's cards: what is an origin, and how the vault hears of them."""

import pytest
from django.db import IntegrityError, connection, transaction

from core.errors import InvalidRequest
from merchants.models import AllowedOrigins, ApiKey
from merchants.origins import read_origins
from merchants.services import allow_origins, create_merchant
from payments import routing
from payments.services.publishable_keys import push_publishable_keys

pytestmark = pytest.mark.usefixtures("books")


def test_origins_are_kept_as_browsers_write_them() -> None:
    asked = [
        *("https://Shop.Example.com", " https://shop.example.com:443/ ", "https://shop.example.com:8443"),
        *("https://bücher.example", "https://[::1]:9", ""),
    ]
    assert read_origins(asked, livemode=True) == [
        "https://shop.example.com",
        "https://shop.example.com:8443",
        "https://xn--bcher-kva.example",
        "https://[::1]:9",
    ]
    assert read_origins(["http://localhost:3000", "http://a.example:80"], livemode=False) == [
        "http://localhost:3000",
        "http://a.example",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("shop.example.com", "no https"),
        ("ftp://shop.example.com", "no https"),
        ("https://", "no https"),
        ("https://*.example.com", "wildcards"),
        ("https://shop.example.com/pay", "ends with its host"),
        ("https://shop.example.com?a=b", "ends with its host"),
        ("https://me@shop.example.com", "ends with its host"),
        ("https://shop.example.com:99999", "can't be read"),
        ("https://shop.example.com; script-src 'self'", "no https"),
        ("https://shop\x00.example", "no https"),
        ("http://shop.example.com", "on https"),
        ("null", "no https"),
    ],
)
def test_what_is_no_origin_is_refused_by_name(text: str, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why) as refused:
        read_origins(["https://good.example", text], livemode=True)
    assert text[:20] in refused.value.message and refused.value.param == "origins"


def test_there_is_a_limit() -> None:
    with pytest.raises(InvalidRequest, match="at most 50"):
        read_origins([f"https://shop-{number}.example" for number in range(51)], livemode=True)


def test_postgresql_keeps_live_origins_encrypted_and_one_list_a_mode() -> None:
    merchant = create_merchant("A shop").merchant
    allow_origins(merchant, ["https://a.example"], livemode=True)
    for statement in (
        "UPDATE merchants_allowedorigins SET origins = '{https://a.example,http://a.example}' WHERE merchant_id = %s",
        "INSERT INTO merchants_allowedorigins (merchant_id, livemode, origins) VALUES (%s, true, '{}')",
    ):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [merchant.pk])


class HalfwayVault:
    """While it hears of a key, the origins change once more."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, list[str]]] = []

    def push_publishable_key(self, *, origins: list[str], version: int, livemode: bool, **_: object) -> None:
        if livemode:
            return
        self.heard.append((version, list(origins)))
        if len(self.heard) == 1:
            allow_origins(AllowedOrigins.objects.get().merchant, ["https://b.example"], livemode=False)


def test_the_vault_hears_of_the_last_origins_whatever_changes_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    AllowedOrigins.objects.all().delete()
    ApiKey.objects.update(vault_told_at="2026-01-01T00:00:00Z")
    merchant = create_merchant("A shop").merchant
    allow_origins(merchant, ["https://a.example"], livemode=False)
    vault = HalfwayVault()
    monkeypatch.setattr(routing, "vault", lambda: vault)
    while push_publishable_keys():
        pass
    assert vault.heard == [(1, ["https://a.example"]), (2, ["https://b.example"])]
