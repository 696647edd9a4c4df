"""Cards as they were stored until merchants had keys: the data key under a master key itself."""

import os
from typing import Any

import psycopg

from core.ids import new_id
from tests.vault.room import VISA, Room
from vault.envelope import EARLY_PURPOSE
from vault.keyring import KEY_BYTES, encrypt, load_key_ring


def early_card(room: Room, merchant: str) -> str:
    """The id of a live one that the vault is to take for its own."""
    with room.superuser() as connection:
        return write_early_card(connection, room, merchant)


def write_early_card(connection: psycopg.Connection[Any], room: Room, merchant: str) -> str:
    token = new_id("tok")
    bound_to = f"card:{token}:{merchant}:1"
    data_key = os.urandom(KEY_BYTES)
    version, wrapped = load_key_ring(room.key_file).seal(data_key, purpose=EARLY_PURPOSE, bound_to=bound_to)
    connection.execute(
        "INSERT INTO vault_card (public_id, card_id, merchant, livemode, key_version, wrapped_key, number, "
        "brand, last4, exp_month, exp_year, funding, fingerprint, cvc_given, billing, metadata, allow_redisplay, "
        "created_at, attempts) VALUES (%s, %s, %s, true, %s, %s, %s, 'visa', %s, 12, 2034, 'credit', 'early', "
        "false, '{}', '{}', 'unspecified', now(), 0)",
        [
            token,
            new_id("card"),
            merchant,
            version,
            wrapped,
            encrypt(data_key, VISA.encode(), bound_to=bound_to),
            VISA[-4:],
        ],
    )
    return token
