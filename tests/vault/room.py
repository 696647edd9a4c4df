"""The vault's surroundings in a test: a database of its own, a Valkey, keys, and what its callers need."""

import json
import subprocess
import sys
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import urllib3

from core.ids import new_id, random_text
from gateway.child import surroundings
from gateway.embedded import EmbeddedPostgres, EmbeddedValkey
from processors.vault import ForwardRequest, VaultClient
from tests.support.servers import NO_VAULT_LIMITS, ROOT, SHARED_SECRET, VAULT
from tests.vault import hsm

http = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(total=30), maxsize=64)

VISA = "4242424242424242"
CARD_BODY = {
    "number": "{{card.number}}",
    "exp_month": "{{card.exp_month}}",
    "exp_year": "{{card.exp_year}}",
    "cvc": "{{card.cvc}}",
}


@dataclass(frozen=True)
class Room:
    """The vault's servers. `folder` is thrown away at the end."""

    folder: Path
    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey

    @property
    def key_file(self) -> Path:
        return self.folder / "keys.json"

    def environment(self) -> dict[str, str]:
        return {
            "TOLLGATE_ENV": "test",
            "VAULT_DATABASE_URL": VAULT.application_url(self.postgres),
            "VAULT_REDIS_URL": self.valkey.url(),
            "VAULT_KEY_FILE": str(self.key_file),
            "VAULT_SHARED_SECRET": SHARED_SECRET,
            **hsm.environment(self.folder),
            **NO_VAULT_LIMITS,
        }

    def owner_environment(self) -> dict[str, str]:
        return self.environment() | {"VAULT_DATABASE_URL": VAULT.owner_url(self.postgres)}

    def superuser(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.postgres.superuser_url(VAULT.database), autocommit=True)

    def application(self) -> psycopg.Connection[Any]:
        return psycopg.connect(VAULT.application_url(self.postgres), autocommit=True)

    def row(self, public_id: str) -> dict[str, Any]:
        with self.superuser() as connection:
            cursor = connection.cursor(row_factory=psycopg.rows.dict_row)
            row = cursor.execute("SELECT * FROM vault_card WHERE public_id = %s", [public_id]).fetchone()
            assert row is not None
            return row


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def error(self) -> Any:
        return self.body["error"]


@dataclass(frozen=True)
class Merchant:
    """One merchant with publishable keys at the vault, in both modes."""

    id: str
    vault: str
    test_key: str
    live_key: str

    def post(
        self, path: str, fields: Mapping[str, Any], *, live: bool = False, key: str | None = None
    ) -> Reply:
        headers = {"Authorization": f"Bearer {self.live_key if live else self.test_key}"}
        return post_form(self.vault + path, fields, headers | ({"Idempotency-Key": key} if key else {}))

    def token(self, number: str = VISA, *, live: bool = False, key: str | None = None, **card: Any) -> Reply:
        return self.post("/v1/tokens", card_fields(number, **card), live=live, key=key)

    def new_token(self, number: str = VISA, *, live: bool = False, **card: Any) -> str:
        reply = self.token(number, live=live, **card)
        assert reply.status == 200, reply
        return str(reply.body["id"])


def new_merchant(client: VaultClient, vault: str) -> Merchant:
    merchant = Merchant(new_id("acct"), vault, f"pk_test_{random_text(24)}", f"pk_live_{random_text(24)}")
    for key, livemode in ((merchant.test_key, False), (merchant.live_key, True)):
        client.push_publishable_key(
            key_hash=sha256(key.encode()).hexdigest(), merchant=merchant.id, livemode=livemode, revoked=False
        )
    return merchant


def card_fields(number: str | None = VISA, **card: Any) -> dict[str, Any]:
    given = {"number": number, "exp_month": 12, "exp_year": 2034, "cvc": "123"} | card
    return {f"card[{name}]": value for name, value in given.items() if value is not None}


def post_form(url: str, fields: Mapping[str, Any], headers: Mapping[str, str]) -> Reply:
    body = urllib.parse.urlencode(fields)
    return send("POST", url, body.encode(), {"Content-Type": "application/x-www-form-urlencoded", **headers})


def send(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
    response = http.request(method, url, body=body, headers=dict(headers))
    return Reply(response.status, response.headers, json.loads(response.data) if response.data else None)


def forward_request(
    merchant: str,
    token: str,
    url: str,
    *,
    reference: str | None = None,
    livemode: bool = False,
    body: Mapping[str, Any] | None = None,
    timeout_seconds: float = 5,
    headers: Mapping[str, str] | None = None,
    keep_code: bool = False,
) -> ForwardRequest:
    return ForwardRequest(
        token=token,
        merchant=merchant,
        livemode=livemode,
        reference=reference or new_id("op"),
        method="POST",
        url=url + "/v1/authorizations",
        headers=headers or {"Authorization": "Bearer sandbox"},
        body=body or {"amount": 100, "card": CARD_BODY},
        timeout_seconds=timeout_seconds,
        keep_code=keep_code,
    )


def command(room: Room, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """`python -m vault …` as an operator calls it."""
    return subprocess.run(
        [sys.executable, "-m", "vault", *arguments],
        env=surroundings() | room.owner_environment() | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
