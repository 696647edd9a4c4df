"""What an operator does: check, migrate, grant, rotate the keys."""

import base64
import json
import secrets
import subprocess
import sys

import psycopg
import pytest
import redis

from gateway.child import surroundings
from gateway.data_folder import write_private
from processors.vault import Answered, VaultClient
from tests.support.servers import ROOT, VAULT
from tests.vault.early import write_early_card
from tests.vault.processor import ScriptedProcessor
from tests.vault.room import VISA, Merchant, Room, command, forward_request, new_merchant

PRODUCTION = {
    "TOLLGATE_ENV": "production",
    "VAULT_SECRET_KEY": "jV3k8Qz1Wn5rT7yU2iO9pA4sD6fG0hJx-cB_vNmLqEwRtYuIoP",
    "VAULT_SHARED_SECRET": "a-shared-secret-of-more-than-32-characters",
    "VAULT_FORWARD_ORIGINS": "https://bank.example",
    "VAULT_ALLOWED_HOSTS": "vault.example,127.0.0.1",
    "PUBLIC_URL": "https://pay.example",
    "VAULT_TRUSTED_PROXIES": "0",
}


def test_a_production_vault_passes_its_deployment_check(room: Room) -> None:
    done = command(room, "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"VAULT_SHARED_SECRET": "short"}, "VAULT_SHARED_SECRET must be set to at least 32 characters"),
        ({"VAULT_SECRET_KEY": ""}, "VAULT_SECRET_KEY must be set"),
        ({"VAULT_KEY_FILE": ""}, "VAULT_KEY_FILE must name"),
        ({"VAULT_KEY_FILE": "/nowhere/keys.json"}, "can't be read: No such file"),
        ({"VAULT_FORWARD_ORIGINS": "http://bank.example"}, "unencrypted"),
        ({"VAULT_FORWARD_ORIGINS": "https://bank.example/path"}, "is not an origin"),
        ({"FAULTS_DIR": "/faults"}, "unset it in production"),
        ({"VAULT_TRUSTED_PROXIES": ""}, "VAULT_TRUSTED_PROXIES must be a whole number"),
        ({"VAULT_RATE_LIMIT_CARDS": "0/m"}, "not '0/m'"),
        ({"VAULT_DECRYPTIONS_PER_MINUTE": "0"}, "must be a whole number above zero, not '0'"),
        ({"VAULT_DECRYPTIONS_PER_MINUTE": "many"}, "must be a whole number above zero, not 'many'"),
    ],
)
def test_a_production_vault_refuses_what_is_unsafe(
    room: Room, change: dict[str, str], complaint: str
) -> None:
    done = command(room, "check", "--deploy", "--fail-level", "WARNING", **(PRODUCTION | change))
    assert done.returncode != 0
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_a_key_file_that_others_can_read_is_reported(room: Room) -> None:
    path = room.folder / "open.json"
    path.write_text(room.key_file.read_text())
    path.chmod(0o644)
    done = command(room, "check", "--deploy", **(PRODUCTION | {"VAULT_KEY_FILE": str(path)}))
    assert "chmod 600" in done.stderr


def test_every_change_of_a_model_has_its_migration(room: Room) -> None:
    done = command(room, "makemigrations", "--check", "--dry-run")
    assert done.returncode == 0, done.stdout


def test_migrations_go_back_and_forth(room: Room) -> None:
    url = room.postgres.superuser_url("vault_backward")
    with psycopg.connect(room.postgres.superuser_url(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE vault_backward")
    for arguments in (("migrate",), ("migrate", "vault", "zero"), ("migrate",)):
        done = command(room, *arguments, VAULT_DATABASE_URL=url)
        assert done.returncode == 0, done.stderr


def test_cards_of_the_last_release_migrate_and_stay_under_their_master_key(room: Room) -> None:
    url = room.postgres.superuser_url("vault_last_release")
    with psycopg.connect(room.postgres.superuser_url(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE vault_last_release")
    assert command(room, "migrate", "vault", "0002", VAULT_DATABASE_URL=url).returncode == 0
    with psycopg.connect(url, autocommit=True) as connection:
        token = write_early_card(connection, room, "acct_1")
        done = command(room, "migrate", VAULT_DATABASE_URL=url)
        assert done.returncode == 0, done.stderr
        row = connection.execute("SELECT public_id, key_version, merchant_key_id FROM vault_card").fetchone()
        assert row == (token, json.loads(room.key_file.read_text())["current"], None)
        done = command(room, "rotate-keys", VAULT_DATABASE_URL=url)
        assert "0 merchant keys replaced, 1 cards re-wrapped" in done.stdout


def test_the_owners_commands_find_the_owners_url(room: Room) -> None:
    environment = {
        "VAULT_DATABASE_URL": VAULT.application_url(room.postgres),
        "VAULT_DATABASE_OWNER_URL": VAULT.owner_url(room.postgres),
    }
    for _ in range(2):
        done = command(room, "grant_application", VAULT.application, **environment)
        assert done.returncode == 0, done.stderr
        assert VAULT.database in done.stdout


def version_of(room: Room, public_id: str) -> int:
    """Of the master key that a card's merchant key is under."""
    with room.superuser() as connection:
        row = connection.execute(
            "SELECT k.key_version FROM vault_merchantkey k JOIN vault_card c ON c.merchant_key_id = k.id "
            "WHERE c.public_id = %s",
            [public_id],
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_keys_rotate_without_a_restart_and_fingerprints_stay(
    room: Room, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor
) -> None:
    before = room.key_file.read_text()
    old = json.loads(before)
    old_token, fingerprint = merchant.new_token(), merchant.token().body["card"]["fingerprint"]
    keys = old["keys"] | {"7": base64.b64encode(secrets.token_bytes(32)).decode()}
    write_private(room.key_file, json.dumps({"current": 7, "keys": keys}))
    assert version_of(room, old_token) == old["current"]
    new_token = new_merchant(client, merchant.vault).new_token()
    assert version_of(room, new_token) == 7

    done = command(room, "rotate-keys")
    assert done.returncode == 0, done.stderr
    assert f"Key {old['current']} is still needed by" in done.stdout
    assert "security codes, for" in done.stdout
    redis.Redis.from_url(room.valkey.url()).flushall()
    done = command(room, "rotate-keys")
    assert done.stdout.startswith("0 merchant keys replaced, 0 cards re-wrapped under key 7.")
    assert f"Nothing needs key {old['current']} any more: it can leave the key file." in done.stdout
    # The old key is gone for good; only its security code is lost with it, if a customer is that unlucky.
    write_private(room.key_file, json.dumps({"current": 7, "keys": {"7": keys["7"]}}))
    assert version_of(room, old_token) == 7
    assert isinstance(client.forward(forward_request(merchant.id, old_token, processor.url)), Answered)
    assert processor.arrived[0]["card"]["number"] == VISA
    assert merchant.token().body["card"]["fingerprint"] == fingerprint
    details = client.token("tok_visa", merchant.id, False)
    assert details is not None
    assert details.fingerprint == fingerprint


def test_the_commands_need_no_environment_but_what_a_running_system_left(room: Room) -> None:
    folder = room.folder / "beside"
    values = room.environment() | {"VAULT_DATABASE_OWNER_URL": VAULT.owner_url(room.postgres)}
    write_private(
        folder / "vault" / "environment", "\n".join(f"{name}={value}" for name, value in values.items())
    )
    done = subprocess.run(
        [sys.executable, "-m", "vault", "migrate", "--check"],
        env=surroundings() | {"DATA_DIR": str(folder)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
