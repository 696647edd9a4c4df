"""Card numbers are nowhere in the clear, and security codes on no disk."""

import base64
import re
import subprocess
from pathlib import Path

import psycopg
import pytest
import redis

from gateway import embedded
from processors.protocol import NotSent
from processors.vault import Answered, VaultClient
from tests.support.processes import Process
from tests.support.servers import VAULT
from tests.vault.processor import ScriptedProcessor
from tests.vault.room import Merchant, Room, forward_request, new_merchant

NUMBER = "4539148803436467"
# Unlikely to stand in a dump by chance.
CODE = "7391"
AMEX = "371449635398431"


@pytest.fixture(scope="module")
def dump_program() -> Path:
    return embedded._postgres("pg_dump")


def dump(room: Room, program: Path) -> str:
    url = room.postgres.superuser_url(VAULT.database)
    done = subprocess.run([program, "--dbname", url], capture_output=True, text=True, check=True)
    return done.stdout


def test_a_dump_of_the_database_holds_no_number_and_no_code(
    room: Room, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor, dump_program: Path
) -> None:
    token = merchant.new_token(NUMBER, live=True)
    assert merchant.token(AMEX, live=True, cvc=CODE, key="a-key").status == 200
    client.forward(forward_request(merchant.id, token, processor.url, livemode=True))
    text = dump(room, dump_program)
    assert token in text
    digits_only = re.sub(r"[ _.-]", "", text)
    for number in (NUMBER, AMEX):
        assert number not in digits_only
        assert number.encode().hex() not in text
        assert base64.b64encode(number.encode()).decode() not in text
    assert not re.search(rf"(?<![0-9A-Za-z]){CODE}(?![0-9A-Za-z])", text)
    assert '"cvc"' not in text


def test_the_codes_redis_holds_ciphertext_for_minutes_only(room: Room, merchant: Merchant) -> None:
    token = merchant.new_token(AMEX, live=True, cvc=CODE)
    store = redis.Redis.from_url(room.valkey.url())
    kept = store.get(f"cvc:{token}")
    assert isinstance(kept, bytes)
    assert CODE.encode() not in kept
    assert 0 < int(store.ttl(f"cvc:{token}")) <= 15 * 60
    assert store.config_get("save")["save"] == ""
    assert store.config_get("appendonly")["appendonly"] == "no"


def test_neither_the_log_nor_the_process_list_shows_a_number(
    vault: Process, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor
) -> None:
    merchant.token(NUMBER, live=True, name=NUMBER)
    merchant.token("4539148803436468", live=True)
    client.forward(
        forward_request(merchant.id, merchant.new_token(NUMBER, live=True), processor.url, livemode=True)
    )
    assert "45391488" not in vault.log.read_text()
    commands = b"".join(path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists())
    assert b"45391488" not in commands


class TestTampering:
    @pytest.mark.parametrize(
        "change",
        [
            "number = (SELECT number FROM vault_card WHERE public_id = %(other)s)",
            "wrapped_key = (SELECT wrapped_key FROM vault_card WHERE public_id = %(other)s)",
            "number = (SELECT number FROM vault_card WHERE public_id = %(other)s), "
            "wrapped_key = (SELECT wrapped_key FROM vault_card WHERE public_id = %(other)s)",
            "number = set_byte(number, 20, get_byte(number, 20) # 1)",
            "merchant_key_id = (SELECT merchant_key_id FROM vault_card WHERE public_id = %(foreign)s)",
            "merchant = 'acct_evil'",
            "livemode = false",
        ],
    )
    def test_a_changed_card_is_not_sent(
        self,
        room: Room,
        merchant: Merchant,
        client: VaultClient,
        processor: ScriptedProcessor,
        change: str,
    ) -> None:
        token, other = merchant.new_token(live=True), merchant.new_token(live=True)
        foreign = new_merchant(client, merchant.vault).new_token(live=True)
        with room.superuser() as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute(
                f"UPDATE vault_card SET {change} WHERE public_id = %(token)s",
                {"token": token, "other": other, "foreign": foreign},
            )
        livemode = "livemode" not in change
        owner = "acct_evil" if "acct_evil" in change else merchant.id
        outcome = client.forward(forward_request(owner, token, processor.url, livemode=livemode))
        assert isinstance(outcome, NotSent)
        assert outcome.code == "card_unreadable"
        assert processor.arrived == []

    @pytest.mark.parametrize(
        "change", ["merchant = 'acct_evil'", "livemode = true", "number = '\\x00'", "last4 = '1'"]
    )
    def test_postgresql_refuses_to_change_a_card(self, room: Room, merchant: Merchant, change: str) -> None:
        token = merchant.new_token()
        with room.application() as connection, pytest.raises(psycopg.errors.RestrictViolation):
            connection.execute(f"UPDATE vault_card SET {change} WHERE public_id = %s", [token])

    def test_the_application_may_not_empty_or_change_the_tables(self, room: Room, merchant: Merchant) -> None:
        with room.application() as connection:
            for statement in (
                "TRUNCATE vault_card",
                "ALTER TABLE vault_card DISABLE TRIGGER ALL",
                "DROP TABLE vault_card",
                "TRUNCATE vault_merchantkey",
                "UPDATE vault_decryption SET purpose = 'charge'",
                "DELETE FROM vault_decryption",
                "DELETE FROM vault_shredding",
                "UPDATE vault_shredding SET reason = 'none'",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)


def test_another_code_in_redis_is_not_taken_for_this_cards(
    room: Room, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor
) -> None:
    token, other = merchant.new_token(), merchant.new_token(cvc="999")
    store = redis.Redis.from_url(room.valkey.url())
    store.set(f"cvc:{token}", store.get(f"cvc:{other}"))  # type: ignore[arg-type]
    outcome = client.forward(forward_request(merchant.id, token, processor.url))
    assert not isinstance(outcome, Answered)
    assert processor.arrived == []
