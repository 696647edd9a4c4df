"""The canary: card numbers are sent by every way there is, to pages of errors and of the console too, and then
looked for in everything that is left behind. They exist in the vault and nowhere else."""

import re
import subprocess
import threading
from itertools import product
from pathlib import Path

import pytest
import redis
from django.contrib.auth.models import User
from django.test import Client as Browser

from core.ids import random_text
from core.redaction import luhn_valid
from gateway.embedded import _postgres
from merchants.services import NewMerchant
from tests.conftest import Books
from tests.support.bank import Bank
from tests.support.client import Client, http
from tests.support.eventually import eventually
from tests.support.processes import System

NUMBERS = [
    "4242424242424242",
    "5555555555554444",
    "378282246310005",
    "4000000000000002",
    "4000000000009995",
    "4000000000000127",
    "4242424242424241",
    "4000002500003155",
    # No test card: refused in test mode, kept in live mode.
    "4539148803436467",
]
CVC = "739"
# However it is written: in one piece, or in groups.
SOUGHT = [re.compile("[ -]?".join(number).encode()) for number in NUMBERS]
# Bytes, as a dump writes them.
BINARY = re.compile(rb"\\\\x([0-9a-f]+)")
# What stands around one that was found, to know where it comes from.
AROUND = 200


@pytest.fixture
def client(system: System, shop: NewMerchant) -> Client:
    return Client(system.web.url, shop.keys["sk_test"])


def found(content: bytes) -> list[str]:
    return [
        content[max(0, each.start() - AROUND) : each.end() + AROUND].decode(errors="replace")
        for pattern in SOUGHT
        for each in pattern.finditer(content)
    ]


class ProcessList(threading.Thread):
    """Everybody's command lines and environments, as any user's `ps` shows them, as long as it runs."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[bytes] = set()
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.05):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(path.read_bytes())
                except OSError:
                    continue


def use_every_way(client: Client) -> None:
    client.post("/v1/webhook_endpoints", {"url": "http://127.0.0.1:9/hook", "enabled_events[]": "*"})
    for number in NUMBERS:
        made = client.post("/v1/tokens", card_of(number))
        if made.status == 200:
            charge = client.charge(source=made.json()["id"])
            if charge.status == 200:
                client.post("/v1/refunds", {"charge": charge.json()["id"]})
        raw = {f"source[{name}]": value for name, value in (("object", "card"), ("number", number))}
        refused = client.post("/v1/charges", {"amount": 900, "currency": "usd", **raw})
        assert refused.status == 400
        assert not found(refused.body)
    client.send(
        "POST", "/v1/tokens", b'{"card": {"number": "4242424242424242"', content_type="application/json"
    )
    client.send("POST", "/v1/nowhere", b"number=4242424242424242")
    client.get("/v1/charges/4242424242424242")


def challenge(client: Client, bank: Bank) -> None:
    """A payment whose cardholder is sent to the bank and back."""
    token = client.post("/v1/tokens", card_of("4000002500003155")).json()["id"]
    method = client.post("/v1/payment_methods", {"type": "card", "card[token]": token}).json()["id"]
    fields = {"amount": 700, "currency": "usd", "confirm": "true", "payment_method": method}
    intent = client.post(
        "/v1/payment_intents",
        fields | {"return_url": "https://shop.example/back", "payment_method_types[]": "card"},
    ).json()
    assert intent["status"] == "requires_action", intent
    redirect = intent["next_action"]["redirect_to_url"]["url"]
    status, back = bank.answer_challenge(redirect, "succeed")
    assert status in (302, 303) and back
    http.request("GET", back, redirect=False)


def browse_the_vault(url: str, shop: NewMerchant) -> None:
    """As a browser does, in live mode too, with right and with spoiled requests."""
    keys = (shop.keys["pk_test"], shop.keys["pk_live"])
    eventually(
        lambda: all(Client(url, key).post("/v1/tokens", {}).status == 400 for key in keys),
        what="the vault has heard of the keys",
    )
    for key, number in product((*keys, "pk_test_none"), NUMBERS):
        browser = Client(url, key)
        answers = [
            browser.post("/v1/tokens", card_of(number)),
            browser.post("/v1/tokens", card_of(number) | {"card[name]": number}),
            browser.post("/v1/payment_methods", {"type": "card"} | card_of(number)),
            browser.send(
                "POST", "/v1/tokens", f'{{"card": "{number}"'.encode(), content_type="application/json"
            ),
            browser.send("POST", "/v1/tokens", number.encode(), content_type="text/plain"),
            browser.get(f"/v1/tokens?card[number]={number}"),
            browser.get(f"/{number}"),
        ]
        for answer in answers:
            assert not found(answer.body), answer


def browse_the_console(url: str) -> None:
    """People type card numbers into whatever field they see."""
    staff = User.objects.create_superuser(f"canary-{random_text(6)}", password=random_text(20))
    signed_in = Browser()
    signed_in.force_login(staff)
    cookies = {"Cookie": f"sessionid={signed_in.cookies['sessionid'].value}"}
    # In an address that is logged, digits that are no card number stay.
    for number in filter(luhn_valid, NUMBERS):
        for path in (
            f"/admin/find/?q={number}",
            f"/admin/payments/charge/?q={number}",
            f"/admin/payments/charge/export/?q={number}",
            f"/admin/payments/charge/{number}/change/",
            f"/admin/{number}/",
            f"/pay/return/{number}",
            f"/{number}",
        ):
            answer = http.request("GET", url + path, headers=cookies, redirect=False)
            assert answer.status < 500, path
        page = http.request("GET", f"{url}/admin/login/")
        token = page.headers["Set-Cookie"].partition("csrftoken=")[2].partition(";")[0]
        http.request(
            "POST",
            f"{url}/admin/login/",
            fields={"username": number, "password": number, "csrfmiddlewaretoken": token},
            encode_multipart=False,
            headers={"Cookie": f"csrftoken={token}"},
        )


def card_of(number: str) -> dict[str, object]:
    code = "7391" if number.startswith("37") else CVC
    return {
        "card[number]": number,
        "card[exp_month]": 12,
        "card[exp_year]": 2035,
        "card[cvc]": code,
    }


def test_no_card_number_leaves_the_vault(
    system: System, client: Client, shop: NewMerchant, bank: Bank, system_books: Books
) -> None:
    processes = ProcessList()
    processes.start()
    use_every_way(client)
    challenge(client, bank)
    browse_the_vault(system.vault.url, shop)
    browse_the_console(system.web.url)
    # An error that nobody foresaw, with a card in the request that it is told of.
    system.fault("phase_1.before_commit", "raise")
    assert client.charge(description="4242 4242 4242 4242", metadata="x").status == 400
    assert client.charge(statement_descriptor="4242424242424242").status == 500
    processes.over.set()
    processes.join()

    assert not found(dump(system_books, system_books.name)), "in the gateway's database"
    assert not found(dump(system_books, "tollgate_vault")), "in the vault's database, unencrypted"
    servers = system_books.servers
    for redis_database in range(16):
        assert not found(contents(servers.valkey.url(redis_database))), "in the gateway's Redis"
    assert not found(contents(servers.vault_valkey.url())), "in the vault's Redis"
    for process in system.everything:
        assert not found(process.log.read_bytes()), f"in the log of {process.child.name}"
    assert processes.seen
    assert not found(b"\n".join(processes.seen)), "in the process list"
    for path in system.folder.rglob("*"):
        if path.is_file():
            assert not found(path.read_bytes()), f"in {path.name}"


def test_the_search_would_find_one() -> None:
    assert found(b"x 4242 4242-42424242 x") == ["x 4242 4242-42424242 x"]


def dump(books: Books, database: str) -> bytes:
    done = subprocess.run(
        [str(_postgres("pg_dump")), books.servers.postgres.superuser_url(database)],
        capture_output=True,
        check=True,
    )
    assert len(done.stdout) > 10_000
    # Searched as what they are: in hexadecimal a count of zeros reads like a test card.
    return BINARY.sub(lambda each: bytes.fromhex(each[1].decode()), done.stdout)


def contents(url: str) -> bytes:
    """Every key and value of a Redis, whatever their types."""
    client = redis.Redis.from_url(url)
    parts: list[bytes] = []
    for key in client.scan_iter():
        parts += [key, client.dump(key) or b""]
        if client.type(key) == b"string":
            parts.append(str(client.get(key)).encode())
    return b"\n".join(parts)
