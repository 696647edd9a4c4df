"""Master keys in a real HSM of software: they move there and on beside a working vault, and while it is away nothing
is lost."""

import base64
import json
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from gateway.child import surroundings
from gateway.data_folder import write_private
from processors.protocol import NotSent
from processors.vault import Answered, VaultClient
from tests.support.processes import Process
from tests.support.processes import vault as vault_process
from tests.support.servers import SHARED_SECRET, VAULT
from tests.vault import hsm
from tests.vault.early import early_card
from tests.vault.processor import ScriptedProcessor
from tests.vault.room import VISA, Merchant, Room, command, forward_request, new_merchant
from tests.vault.test_operation import PRODUCTION

LOOSE_KEY = """
import os, pkcs11
token = pkcs11.lib(os.environ["VAULT_PKCS11_MODULE"]).get_token(token_label=os.environ["VAULT_PKCS11_TOKEN"])
session = token.open(rw=True, user_pin=os.environ["VAULT_PKCS11_PIN"])
session.generate_key(pkcs11.KeyType.AES, 256, label="loose", store=True, template={
    pkcs11.Attribute.EXTRACTABLE: True, pkcs11.Attribute.SENSITIVE: False})
"""


@pytest.fixture(scope="module")
def token(room: Room) -> Iterator[Path]:
    """The HSM's token; what was under its keys is under a local one again afterwards."""
    yield hsm.make_token(room.folder)
    version = add_key(room, base64.b64encode(secrets.token_bytes(32)).decode())
    rotate(room)
    redis.Redis.from_url(room.valkey.url()).flushall()
    keep_only(room, version)


@pytest.fixture
def label(room: Room, token: Path) -> str:
    """A fresh key in the HSM."""
    label = f"tollgate-{secrets.token_hex(4)}"
    done = command(room, "make-hsm-key", label)
    assert done.returncode == 0, done.stderr
    return label


def add_key(room: Room, entry: object) -> int:
    """The version under which it is the current one."""
    old = json.loads(room.key_file.read_text())
    version = int(old["current"]) + 1
    write_private(
        room.key_file, json.dumps({"current": version, "keys": old["keys"] | {str(version): entry}})
    )
    return version


def keep_only(room: Room, version: int) -> None:
    keys = json.loads(room.key_file.read_text())["keys"]
    write_private(room.key_file, json.dumps({"current": version, "keys": {str(version): keys[str(version)]}}))


def rotate(room: Room) -> str:
    done = command(room, "rotate-keys", VAULT_DATABASE_URL=VAULT.application_url(room.postgres))
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_rotation_into_the_hsm_that_is_killed_goes_on_and_the_local_key_can_go(
    room: Room, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor, label: str
) -> None:
    tokens = [early_card(room, merchant.id) for _ in range(250)]
    version = add_key(room, {"pkcs11": label})
    faults = room.folder / "hsm-faults"
    faults.mkdir()
    (faults / "vault.between_batches").write_text("kill")
    assert command(room, "rotate-keys", FAULTS_DIR=str(faults)).returncode == -9
    for card in (tokens[0], tokens[-1]):
        order = forward_request(merchant.id, card, processor.url, livemode=True)
        assert isinstance(client.forward(order), Answered)
    redis.Redis.from_url(room.valkey.url()).flushall()
    assert f"Nothing needs key {version - 1} any more: it can leave the key file." in rotate(room)
    keep_only(room, version)
    # Taken in and charged with its code, which the HSM's key keeps too.
    fresh = merchant.new_token(live=True)
    for card in (tokens[1], fresh):
        order = forward_request(merchant.id, card, processor.url, livemode=True)
        assert isinstance(client.forward(order), Answered)
        assert processor.arrived[-1]["card"]["number"] == VISA
    assert processor.arrived[-1]["card"]["cvc"] == "123"


def test_between_two_keys_of_the_hsm_beside_threads_that_make_and_charge_cards(
    room: Room, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor, label: str
) -> None:
    add_key(room, {"pkcs11": label})
    tokens = [merchant.new_token(live=True) for _ in range(4)]
    second = f"{label}-next"
    assert command(room, "make-hsm-key", second).returncode == 0
    assert "it has a key" in command(room, "make-hsm-key", second).stderr
    version = add_key(room, {"pkcs11": second})
    over = threading.Event()

    def serve(number: int) -> int:
        served = 0
        while not over.is_set() or not served:
            for card in (tokens[number], merchant.new_token(live=True, cvc=None)):
                order = forward_request(
                    merchant.id, card, processor.url, livemode=True, reference=f"op_{card}"
                )
                outcome = client.forward(order)
                assert isinstance(outcome, Answered), outcome
                served += 1
        return served

    with ThreadPoolExecutor(6) as threads:
        serving = [threads.submit(serve, number) for number in range(4)]
        try:
            outputs = [rotation.result() for rotation in [threads.submit(rotate, room) for _ in range(2)]]
        finally:
            over.set()
        assert sum(thread.result() for thread in serving) >= 8
    assert sum(int(output.split()[0]) for output in outputs) >= 1
    redis.Redis.from_url(room.valkey.url()).flushall()
    assert f"Nothing needs key {version - 1} any more" in rotate(room)


def test_while_the_hsm_is_away_nothing_is_lost_and_it_is_found_again(
    room: Room,
    merchant: Merchant,
    client: VaultClient,
    processor: ScriptedProcessor,
    label: str,
    token: Path,
) -> None:
    add_key(room, {"pkcs11": label})
    card = merchant.new_token(live=True)
    order = forward_request(merchant.id, card, processor.url, livemode=True)
    away = token.with_name("unplugged")
    token.rename(away)
    try:
        reply = merchant.token(live=True, key="while-away")
        assert (reply.status, reply.headers["Stripe-Should-Retry"]) == (503, "true")
        assert "master key can't be used at the moment" in reply.error["message"]
        outcome = client.forward(order)
        assert isinstance(outcome, NotSent), outcome
        assert (outcome.code, room.row(card)["reference"]) == ("vault_unavailable", None)
        done = command(room, "rotate-keys")
        assert done.returncode == 1
        assert "The HSM can't be used:" in done.stderr
        assert "Traceback" not in done.stderr
    finally:
        away.rename(token)
    assert merchant.token(live=True, key="while-away").status == 200
    assert isinstance(client.forward(order), Answered)
    assert processor.arrived[-1]["card"] == {
        "number": VISA,
        "exp_month": 12,
        "exp_year": 2034,
        "cvc": "123",
    }


def test_a_refused_pin_is_tried_once_and_a_corrected_one_needs_no_restart(
    room: Room, label: str, closed_port: int
) -> None:
    add_key(room, {"pkcs11": label})
    done = command(
        room, "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION, VAULT_PKCS11_PIN="wrong"
    )
    assert done.returncode == 1
    assert "it refused the PIN" in done.stderr
    assert "no issues" in command(room, "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION).stdout
    folder = room.folder / "pin"
    write_private(folder / "pin", "also wrong")
    process: Process = vault_process(
        folder,
        room.environment() | {"VAULT_PKCS11_PIN": "", "VAULT_PKCS11_PIN_FILE": str(folder / "pin")},
        banks=[f"http://127.0.0.1:{closed_port}"],
    )
    process.start()
    try:
        merchant = new_merchant(VaultClient(process.url, SHARED_SECRET), process.url)
        assert [merchant.token().status for _ in range(2)] == [503, 503]
        write_private(folder / "pin", hsm.PIN)
        assert merchant.token().status == 200
    finally:
        process.stop()


def test_a_key_that_could_leave_the_hsm_is_no_master_key(room: Room, token: Path) -> None:
    before = room.key_file.read_text()
    made = surroundings() | room.environment()
    subprocess.run([sys.executable, "-c", LOOSE_KEY], env=made, check=True, timeout=60)
    try:
        for entry, complaint in (("loose", "could leave it"), ("unknown", "it has no AES key 'unknown'")):
            write_private(room.key_file, before)
            add_key(room, {"pkcs11": entry})
            done = command(room, "check", "--deploy", **PRODUCTION)
            assert done.returncode == 1
            assert complaint in done.stderr
    finally:
        write_private(room.key_file, before)


def test_a_key_that_the_hsm_wrapped_for_another_merchant_opens_nothing(
    room: Room, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor, label: str
) -> None:
    add_key(room, {"pkcs11": label})
    other = new_merchant(client, merchant.vault)
    mine, theirs = merchant.new_token(live=True, cvc=None), other.new_token(live=True, cvc=None)
    with room.superuser() as connection:
        # PostgreSQL refuses it; whoever rules there can switch that off.
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "UPDATE vault_merchantkey SET wrapped = "
            "(SELECT wrapped FROM vault_merchantkey WHERE merchant = %s) WHERE merchant = %s",
            [other.id, merchant.id],
        )
    outcome = client.forward(forward_request(merchant.id, mine, processor.url, livemode=True))
    assert isinstance(outcome, NotSent)
    assert outcome.code == "card_unreadable"
    order = forward_request(other.id, theirs, processor.url, livemode=True)
    assert isinstance(client.forward(order), Answered)
    done = command(room, "shred", "merchant", merchant.id, "--reason", "spoiled by a test")
    assert done.returncode == 0, done.stderr
