"""Card numbers exist in the vault and nowhere else: a search of everything that the gateway leaves behind."""

import re
import subprocess
import threading
from pathlib import Path

import pytest
import redis

from gateway.embedded import _postgres
from merchants.services import NewMerchant
from tests.conftest import Books
from tests.support.client import Client
from tests.support.processes import System

NUMBERS = [
    "4242424242424242",
    "5555555555554444",
    "378282246310005",
    "4000000000000002",
    "4000000000009995",
    "4000000000000127",
    "4242424242424241",
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
    for number in NUMBERS:
        card = {"card[number]": number, "card[exp_month]": 12, "card[exp_year]": 2035}
        cvc = {"card[cvc]": "7391" if number.startswith("37") else CVC}
        made = client.post("/v1/tokens", card | cvc)
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


def test_no_card_number_leaves_the_vault(system: System, client: Client, system_books: Books) -> None:
    processes = ProcessList()
    processes.start()
    use_every_way(client)
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
