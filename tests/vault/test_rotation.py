"""Rotation beside a working vault: no card is ever unreadable, whoever is killed and however many run at once."""

import base64
import json
import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from gateway.data_folder import write_private
from processors.vault import Answered, VaultClient
from tests.support.servers import VAULT
from tests.vault.early import early_card
from tests.vault.processor import ScriptedProcessor
from tests.vault.room import VISA, Merchant, Room, command, forward_request

STALE = """
    SELECT count(*) FROM vault_card c LEFT JOIN vault_merchantkey k ON k.id = c.merchant_key_id
    WHERE c.shredded_at IS NULL AND (c.key_version IS NOT NULL OR k.retired_at IS NOT NULL)
"""


@pytest.fixture
def new_version(room: Room) -> Iterator[int]:
    """A fresh master key is the current one; the older ones leave the file when the test has passed."""
    old = json.loads(room.key_file.read_text())
    version = old["current"] + 1
    keys = old["keys"] | {str(version): base64.b64encode(secrets.token_bytes(32)).decode()}
    write_private(room.key_file, json.dumps({"current": version, "keys": keys}))
    yield version


def rotate(room: Room, **environment: str) -> str:
    done = command(
        room, "rotate-keys", VAULT_DATABASE_URL=VAULT.application_url(room.postgres), **environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def one(room: Room, query: str, *values: object) -> int:
    with room.superuser() as connection:
        row = connection.execute(query, values).fetchone()
    assert row is not None
    return int(row[0])


def test_cards_of_the_last_release_are_read_and_move_under_their_merchants_key(
    room: Room, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor
) -> None:
    token = early_card(room, merchant.id)
    order = forward_request(merchant.id, token, processor.url, livemode=True)
    assert isinstance(client.forward(order), Answered)
    assert "merchant keys replaced" in rotate(room)
    row = room.row(token)
    assert row["key_version"] is None
    assert row["merchant_key_id"] is not None
    assert isinstance(client.forward(order), Answered)
    assert [body["card"]["number"] for body in processor.arrived] == [VISA, VISA]


def test_killed_between_batches_it_goes_on_and_the_old_key_can_go(
    room: Room, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor, new_version: int
) -> None:
    tokens = [early_card(room, merchant.id) for _ in range(450)]
    faults = room.folder / "rotation-faults"
    faults.mkdir()
    (faults / "vault.between_batches").write_text("kill")
    assert command(room, "rotate-keys", FAULTS_DIR=str(faults)).returncode == -9
    assert 0 < one(room, STALE) < one(room, "SELECT count(*) FROM vault_card WHERE shredded_at IS NULL")
    assert isinstance(
        client.forward(forward_request(merchant.id, tokens[-1], processor.url, livemode=True)), Answered
    )
    redis.Redis.from_url(room.valkey.url()).flushall()
    assert f"Nothing needs key {new_version - 1} any more: it can leave the key file." in rotate(room)
    assert one(room, STALE) == 0
    content = json.loads(room.key_file.read_text())
    keys = {str(new_version): content["keys"][str(new_version)]}
    write_private(room.key_file, json.dumps({"current": new_version, "keys": keys}))
    order = forward_request(merchant.id, tokens[0], processor.url, livemode=True)
    assert isinstance(client.forward(order), Answered)
    assert processor.arrived[-1]["card"]["number"] == VISA


def test_two_rotations_beside_threads_that_make_and_charge_cards_lose_nothing(
    room: Room, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor, new_version: int
) -> None:
    for _ in range(250):
        early_card(room, merchant.id)
    tokens = [merchant.new_token(live=True, cvc=None) for _ in range(8)]
    over = threading.Event()

    def serve(number: int) -> int:
        """Makes a card, charges it and the old one, until the rotations are over."""
        served = 0
        while not over.is_set() or not served:
            for token in (tokens[number], merchant.new_token(live=True, cvc=None)):
                order = forward_request(
                    merchant.id, token, processor.url, livemode=True, reference=f"op_{token}"
                )
                outcome = client.forward(order)
                assert isinstance(outcome, Answered), outcome
                served += 1
        return served

    with ThreadPoolExecutor(10) as threads:
        serving = [threads.submit(serve, number) for number in range(8)]
        outputs = [rotation.result() for rotation in [threads.submit(rotate, room) for _ in range(2)]]
        over.set()
        assert sum(thread.result() for thread in serving) >= 16
    replaced = [int(output.split()[0]) for output in outputs]
    moved = [int(output.split(" replaced, ")[1].split()[0]) for output in outputs]
    assert sum(replaced) >= 1
    assert sum(moved) >= 258
    assert one(room, STALE) == 0
    assert one(room, "SELECT count(*) FROM vault_merchantkey WHERE merchant = %s", merchant.id) == 1
    assert rotate(room).startswith("0 merchant keys replaced, 0 cards re-wrapped")


def test_a_card_that_can_not_be_read_is_named_and_stops_nobody(
    room: Room, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor
) -> None:
    broken, whole = early_card(room, merchant.id), early_card(room, merchant.id)
    with room.superuser() as connection:
        connection.execute(
            "UPDATE vault_card SET wrapped_key = set_byte(wrapped_key, 20, get_byte(wrapped_key, 20) # 1) "
            "WHERE public_id = %s",
            [broken],
        )
    done = command(room, "rotate-keys")
    assert done.returncode == 1
    assert f"1 cards can't be read and were left as they are: {broken}" in done.stderr
    assert room.row(whole)["key_version"] is None
    assert command(room, "shred", "card", broken, "--reason", "unreadable").returncode == 0
    rotate(room)
