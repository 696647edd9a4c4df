"""What was shredded can't be decrypted by anybody, and that it was stays on record."""

import json
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
import redis

from processors.protocol import NotSent
from processors.vault import Answered, VaultClient
from tests.support.servers import VAULT
from tests.vault.early import early_card
from tests.vault.processor import ScriptedProcessor
from tests.vault.room import Merchant, Room, card_fields, command, forward_request, new_merchant

NUMBER = "4539148803436467"
GONE = "resource_missing"


def shred(
    room: Room, kind: str, subject: str, reason: str = "asked for by its owner"
) -> "subprocess.CompletedProcess[str]":
    return command(
        room,
        *("shred", kind, subject, "--reason", reason, "--by", "ops"),
        VAULT_DATABASE_URL=VAULT.application_url(room.postgres),
    )


def records(room: Room, subject: str) -> list[Any]:
    with room.superuser() as connection:
        return connection.execute(
            "SELECT kind, by, reason FROM vault_shredding WHERE subject = %s", [subject]
        ).fetchall()


def everything(room: Room) -> str:
    """All that a dump of the vault's tables would hold."""
    with room.superuser() as connection:
        tables = ("vault_card", "vault_answer", "vault_decryption", "vault_shredding", "vault_merchantkey")
        return "".join(
            str(connection.execute(f"SELECT to_jsonb(t) FROM {table} t").fetchall()) for table in tables
        )


def forward(client: VaultClient, merchant: Merchant, token: str, url: str) -> Any:
    return client.forward(forward_request(merchant.id, token, url, livemode=True))


class TestOneCard:
    def test_it_is_gone_with_all_that_its_number_could_be_guessed_from_and_others_are_not(
        self, room: Room, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor
    ) -> None:
        reply = merchant.token(NUMBER, live=True, key="a-key", name="Philippa Oquendo")
        token, kept = reply.body["id"], merchant.new_token(NUMBER, live=True)
        before = room.row(token)
        done = shred(room, "card", token)
        assert done.returncode == 0, done.stderr
        assert f"Shredded: {token}." in done.stdout
        assert f"The same number is also in {kept}" in done.stdout

        row, dump = room.row(token), everything(room)
        assert bytes(row["wrapped_key"]) == bytes(row["number"]) == b""
        assert row["fingerprint"] == ""
        for trace in ("Philippa Oquendo", bytes(before["wrapped_key"]).hex(), bytes(before["number"]).hex()):
            assert trace not in dump
        with room.superuser() as connection:
            answers = connection.execute("SELECT 1 FROM vault_answer WHERE card_public_id = %s", [token])
            assert answers.fetchone() is None
        assert not redis.Redis.from_url(room.valkey.url()).exists(f"cvc:{token}")
        outcome = forward(client, merchant, token, processor.url)
        assert isinstance(outcome, NotSent)
        assert outcome.code == GONE
        assert client.token(token, merchant.id, True) is None
        assert isinstance(forward(client, merchant, kept, processor.url), Answered)
        assert records(room, token) == [("card", "ops", "asked for by its owner")]

    def test_a_payment_method_goes_with_the_token_it_was_made_of(
        self, room: Room, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor
    ) -> None:
        token = merchant.new_token(NUMBER, live=True)
        made = merchant.post("/v1/payment_methods", {"type": "card", "card[token]": token}, live=True)
        method = made.body["id"]
        assert shred(room, "card", method).returncode == 0
        for public_id in (token, method):
            assert bytes(room.row(public_id)["number"]) == b""
            assert len(records(room, public_id)) == 1

    def test_no_payment_method_is_made_of_a_token_that_is_shredded_meanwhile(
        self, room: Room, merchant: Merchant
    ) -> None:
        token = merchant.new_token(NUMBER, live=True)
        opened = "SELECT 1 FROM vault_decryption WHERE card_public_id = %s"
        with ThreadPoolExecutor(1) as threads, room.superuser() as connection:
            with connection.transaction():
                connection.execute(
                    "INSERT INTO vault_shredding (kind, subject, by, reason) VALUES ('card', %s, 'ops', 'test')",
                    [token],
                )
                connection.execute(
                    "UPDATE vault_card SET number = '', wrapped_key = '', merchant_key_id = NULL, "
                    "fingerprint = '', bin = '', "
                    "client_ip = NULL, shredded_at = now() WHERE public_id = %s",
                    [token],
                )
                fields = {"type": "card", "card[token]": token}
                made = threads.submit(merchant.post, "/v1/payment_methods", fields, live=True)
                while connection.execute(opened, [token]).fetchone() is None and not made.done():
                    time.sleep(0.01)
            assert made.result().status == 400
            left = connection.execute(
                "SELECT public_id FROM vault_card WHERE merchant = %s", [merchant.id]
            ).fetchall()
        assert left == [(token,)]

    @pytest.mark.parametrize(
        ("arguments", "complaint"),
        [
            (("card", "tok_nobody", "--reason", "x"), "There is no card tok_nobody."),
            (("merchant", "acct_nobody", "--reason", "x"), "There is no card of acct_nobody."),
            (("card", "tok_nobody"), "--reason"),
            (("card", "tok_nobody", "--reason", " "), "--reason and --by must say something."),
        ],
    )
    def test_what_can_not_be_shredded_is_named(
        self, room: Room, vault: object, arguments: tuple[str, ...], complaint: str
    ) -> None:
        done = command(room, "shred", *arguments)
        assert done.returncode != 0
        assert complaint in done.stderr

    def test_a_second_time_it_says_when_it_was(self, room: Room, merchant: Merchant) -> None:
        token = merchant.new_token()
        assert shred(room, "card", token).returncode == 0
        assert f"{token} was shredded at" in shred(room, "card", token).stderr
        assert len(records(room, token)) == 1


class TestAMerchant:
    def test_all_its_cards_are_gone_in_both_modes_and_no_new_one_is_taken_in(
        self, room: Room, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor
    ) -> None:
        other = new_merchant(client, merchant.vault)
        tokens = [merchant.new_token(NUMBER, live=True), early_card(room, merchant.id)]
        kept, tried = other.new_token(NUMBER, live=True), merchant.new_token()
        assert shred(room, "merchant", merchant.id).returncode == 0
        assert shred(room, "merchant", merchant.id).returncode == 0
        for token in [*tokens, tried]:
            assert bytes(room.row(token)["wrapped_key"]) == b""
        for token in tokens:
            outcome = forward(client, merchant, token, processor.url)
            assert isinstance(outcome, NotSent)
            assert outcome.code == GONE
        with room.superuser() as connection:
            keys = connection.execute(
                "SELECT wrapped FROM vault_merchantkey WHERE merchant = %s", [merchant.id]
            )
            assert [bytes(key) for (key,) in keys.fetchall()] == [b""]
        assert merchant.token(NUMBER, live=True).status == 401
        passed_on = client.tokenize_passthrough(
            path="/v1/tokens",
            merchant=merchant.id,
            livemode=False,
            body=b"card[number]=4242424242424242&card[exp_month]=12&card[exp_year]=2034",
            content_type="application/x-www-form-urlencoded",
            idempotency_key="",
            client_ip="",
        )
        assert passed_on.status == 400
        assert "were destroyed" in json.loads(passed_on.body)["error"]["message"]
        assert isinstance(forward(client, other, kept, processor.url), Answered)
        assert len(records(room, merchant.id)) == 1

    def test_raced_with_threads_that_make_cards_none_survives(
        self, room: Room, merchant: Merchant, client: VaultClient
    ) -> None:
        merchant.new_token(live=True)
        over = threading.Event()

        def make(_: int) -> int:
            made = 0
            while not over.is_set():
                reply = merchant.post("/v1/tokens", card_fields(NUMBER, cvc=None), live=True)
                assert reply.status in (200, 400, 401), reply
                made += reply.status == 200
            return made

        with ThreadPoolExecutor(8) as threads:
            making = [threads.submit(make, number) for number in range(8)]
            done = shred(room, "merchant", merchant.id)
            over.set()
            assert sum(thread.result() for thread in making) > 0
        assert done.returncode == 0, done.stderr
        with room.superuser() as connection:
            left = connection.execute(
                "SELECT count(*) FROM vault_card WHERE merchant = %s AND (number <> '' OR wrapped_key <> '')",
                [merchant.id],
            ).fetchone()
        assert left == (0,)


class TestRawSql:
    """As the vault's application role, past all of our code."""

    @pytest.mark.parametrize(
        "statement",
        [
            "DELETE FROM vault_card WHERE public_id = %(token)s",
            # Without a record of it.
            "UPDATE vault_card SET number = '', wrapped_key = '', merchant_key_id = NULL, "
            "fingerprint = '', bin = '', "
            "billing = '{}', metadata = '{}', client_ip = NULL, shredded_at = now() WHERE public_id = %(token)s",
            "UPDATE vault_card SET shredded_at = now() WHERE public_id = %(token)s",
            "UPDATE vault_card SET wrapped_key = '' WHERE public_id = %(token)s",
            "UPDATE vault_card SET shredded_at = NULL WHERE public_id = %(gone)s",
            "UPDATE vault_card SET number = '\\x01' WHERE public_id = %(gone)s",
            "UPDATE vault_merchantkey SET wrapped = '' WHERE merchant = %(merchant)s",
            "UPDATE vault_merchantkey SET wrapped = '\\x01' WHERE merchant = %(merchant)s",
            "UPDATE vault_merchantkey SET merchant = 'acct_evil' WHERE merchant = %(merchant)s",
            "DELETE FROM vault_merchantkey WHERE merchant = %(merchant)s",
            "INSERT INTO vault_merchantkey (merchant, key_version, wrapped, created_at) "
            "VALUES ('acct_evil', 1, '', now())",
            "INSERT INTO vault_shredding (kind, subject, by, reason) VALUES ('card', 'tok_x', 'me', '')",
        ],
    )
    def test_nothing_is_destroyed_without_a_record_and_nothing_comes_back(
        self, room: Room, merchant: Merchant, statement: str
    ) -> None:
        values = {
            "token": merchant.new_token(live=True),
            "gone": merchant.new_token(live=True),
            "merchant": merchant.id,
        }
        if "(gone)" in statement:
            assert shred(room, "card", values["gone"]).returncode == 0
        refused = (psycopg.errors.RestrictViolation, psycopg.errors.CheckViolation)
        with room.application() as connection, pytest.raises(refused):
            connection.execute(statement, values)

    def test_not_even_the_owner_changes_a_record(self, room: Room, merchant: Merchant) -> None:
        shred(room, "card", merchant.new_token())
        for statement in (
            "DELETE FROM vault_shredding",
            "UPDATE vault_shredding SET reason = 'other'",
            "TRUNCATE vault_shredding",
            "TRUNCATE vault_decryption",
        ):
            with (
                psycopg.connect(VAULT.owner_url(room.postgres), autocommit=True) as connection,
                pytest.raises(psycopg.errors.RestrictViolation),
            ):
                connection.execute(statement)
