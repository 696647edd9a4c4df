"""The pages and files that browsers get of the vault, and which pages may show them."""

import base64
import hashlib
import re
import time
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from core.hosted import INTEGRITY, SCRIPT, VERSION
from core.tickets import issue_ticket, read_ticket
from processors.vault import VaultClient
from tests.support.processes import Process
from tests.support.servers import SHARED_SECRET
from tests.vault.room import Merchant, Room, card_fields, http, post_form
from vault.origins import may_bring_cards, may_show_fields

SHOP = "https://shop.example"
# What was released, by its hash: a file of that name is never another one.
RELEASED = {"tollgate-1.0.0.js": INTEGRITY}


@dataclass(frozen=True)
class Page:
    status: int
    text: str
    headers: Any

    @property
    def ancestors(self) -> str:
        return str(self.headers["Content-Security-Policy"]).partition("frame-ancestors ")[2]


def get(vault: str, path: str, **query: str) -> Page:
    response = http.request("GET", vault + path, fields=query)
    return Page(response.status, response.data.decode(), response.headers)


def list_origins(
    client: VaultClient, merchant: Merchant, *origins: str, live: bool = False, version: int = 1
) -> None:
    key = merchant.live_key if live else merchant.test_key
    client.push_publishable_key(
        key_hash=hashlib.sha256(key.encode()).hexdigest(),
        merchant=merchant.id,
        livemode=live,
        revoked=False,
        origins=origins,
        version=version,
    )


def test_the_page_is_framed_by_the_page_that_asks_and_no_other(
    merchant: Merchant, client: VaultClient
) -> None:
    list_origins(client, merchant, SHOP, "https://other.example", live=True)
    page = get(merchant.vault, "/fields/card", key=merchant.live_key, origin=SHOP)
    assert page.status == 200 and 'autocomplete="cc-number"' in page.text
    assert page.ancestors == SHOP and "X-Frame-Options" not in page.headers
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "connect-src 'self'" in policy
    assert page.headers["Cache-Control"] == "no-store" and "Set-Cookie" not in page.headers
    assert not re.search(r"<script(?![^>]*(src=|application/json))|<style|\son\w+=|style=", page.text)


@pytest.mark.parametrize(
    ("origin", "live"),
    [
        ("https://evil.example", True),
        ("https://shop.example.evil.example", True),
        ("https://shop.example https://evil.example", True),
        ("https://shop.example; script-src *", True),
        ("http://shop.example", True),
        ("http://localhost:3000", True),
        ("null", True),
        ("", True),
        ("https://evil.example", False),
        ("http://localhost.evil.example", False),
    ],
)
def test_a_page_that_is_not_listed_is_told_so_and_gets_no_fields(
    merchant: Merchant, client: VaultClient, origin: str, live: bool
) -> None:
    list_origins(client, merchant, SHOP, live=live)
    key = merchant.live_key if live else merchant.test_key
    page = get(merchant.vault, "/fields/card", key=key, origin=origin)
    assert page.status == 403 and "<input" not in page.text and "may not show card fields" in page.text
    assert page.ancestors == "*"


def test_developers_own_machines_are_allowed_in_test_mode_only(merchant: Merchant) -> None:
    for origin in ("http://localhost:3000", "http://127.0.0.1", "http://[::1]:8080"):
        assert get(merchant.vault, "/fields/card", key=merchant.test_key, origin=origin).status == 200
        assert get(merchant.vault, "/fields/card", key=merchant.live_key, origin=origin).status == 403


@pytest.mark.parametrize("key", ["", "pk_live_nobody", "sk_live_nobody"])
def test_without_a_known_key_there_are_no_fields(vault: Process, key: str) -> None:
    page = get(vault.url, "/fields/card", key=key, origin=SHOP)
    assert page.status == 403 and "<input" not in page.text


def test_what_a_refusal_quotes_is_no_html(merchant: Merchant) -> None:
    page = get(merchant.vault, "/fields/card", key=merchant.live_key, origin="<img src=x onerror=alert(1)>")
    assert "<img" not in page.text and "&lt;img" in page.text


def test_a_word_on_origins_that_comes_late_changes_nothing(
    room: Room, merchant: Merchant, client: VaultClient
) -> None:
    list_origins(client, merchant, SHOP, live=True, version=2)
    list_origins(client, merchant, "https://old.example", live=True, version=1)
    assert get(merchant.vault, "/fields/card", key=merchant.live_key, origin=SHOP).status == 200
    list_origins(client, merchant, live=True, version=3)
    assert get(merchant.vault, "/fields/card", key=merchant.live_key, origin=SHOP).status == 403
    with room.application() as connection, pytest.raises(psycopg.errors.RestrictViolation):
        connection.execute(
            "UPDATE vault_publishablekey SET version = 1 WHERE merchant = %s AND version = 3", [merchant.id]
        )


def test_once_origins_are_listed_other_pages_bring_no_cards(merchant: Merchant, client: VaultClient) -> None:
    def status(origin: str) -> int:
        headers = {"Authorization": f"Bearer {merchant.live_key}", **({"Origin": origin} if origin else {})}
        fields = card_fields("4539148803436467")
        return post_form(f"{merchant.vault}/v1/tokens", fields, headers).status

    assert status("https://anywhere.example") == 200
    list_origins(client, merchant, SHOP, live=True)
    tried = {origin: status(origin) for origin in (SHOP, merchant.vault, "", "https://evil.example", "null")}
    assert tried == {SHOP: 200, merchant.vault: 200, "": 200, "https://evil.example": 403, "null": 403}


def test_which_pages_may() -> None:
    assert may_show_fields(SHOP, [SHOP], livemode=True)
    assert not may_show_fields(SHOP, [], livemode=True)
    assert not may_show_fields(f"{SHOP}/", [f"{SHOP}/"], livemode=True)
    assert not may_bring_cards("http://localhost:1", [SHOP], livemode=True, own="https://vault.example")


def test_a_ticket_of_the_gateways_is_for_its_own_pages_one_merchant_and_a_while(
    vault: Process, client: VaultClient, merchant: Merchant
) -> None:
    soon = int(time.time()) + 60
    ticket = issue_ticket(SHARED_SECRET, merchant.id, livemode=False, until=soon)
    assert get(vault.url, "/fields/card", key=ticket, origin="http://127.0.0.1:8000").status == 200
    assert get(vault.url, "/fields/card", key=ticket, origin=SHOP).status == 403
    given = post_form(f"{vault.url}/v1/tokens", card_fields(), {"Authorization": f"Bearer {ticket}"})
    assert client.token(given.body["id"], merchant.id, False) is not None
    real = post_form(
        f"{vault.url}/v1/tokens", card_fields("4539148803436467"), {"Authorization": f"Bearer {ticket}"}
    )
    assert real.error["decline_code"] == "test_mode_live_card"
    for spoiled in (
        ticket.replace(".0.", ".1."),
        ticket.replace(merchant.id, "acct_other"),
        ticket[:-1] + ("0" if ticket[-1] != "0" else "1"),
        issue_ticket(SHARED_SECRET, merchant.id, livemode=False, until=soon - 120),
        issue_ticket("another-secret", merchant.id, livemode=False, until=soon),
        ticket + "\n",
    ):
        assert read_ticket(SHARED_SECRET, spoiled) is None
        refused = get(vault.url, "/fields/card", key=spoiled, origin="http://127.0.0.1:8000")
        assert refused.status == 403 and spoiled not in refused.text


def test_a_released_script_is_pinned_by_its_hash_and_never_changes(vault: Process) -> None:
    assert SCRIPT.endswith(f"tollgate-{VERSION}.js") and SCRIPT.removeprefix("/js/") in RELEASED
    for name, integrity in RELEASED.items():
        script = get(vault.url, f"/js/{name}")
        assert script.status == 200 and script.headers["Access-Control-Allow-Origin"] == "*"
        assert "immutable" in script.headers["Cache-Control"]
        digest = base64.b64encode(hashlib.sha384(script.text.encode()).digest()).decode()
        assert f"sha384-{digest}" == integrity, f"{name} is out: change it under another version"
    assert get(vault.url, "/js/tollgate-0.0.1.js").status == 404


def test_the_pages_files_are_kept_by_browsers_until_they_change(merchant: Merchant) -> None:
    page = get(merchant.vault, "/fields/card", key=merchant.test_key, origin="http://localhost")
    paths = re.findall(r'(?:src|href)="(/fields/[^"]+)"', page.text)
    assert len(paths) == 2
    for path in paths:
        assert "immutable" in get(merchant.vault, path).headers["Cache-Control"]
        other = re.sub(r"/fields/\w+/", "/fields/0123456789abcdef/", path)
        assert get(merchant.vault, other).headers["Cache-Control"] == "no-store"
    assert get(merchant.vault, "/fields/0123456789abcdef/card.html").status == 404
    assert post_form(f"{merchant.vault}/fields/card", {}, {}).status == 405
