"""Keys and envelopes: what was changed, moved or made with another key does not open."""

import base64
import json
import os
from pathlib import Path

import pytest

from vault.envelope import (
    EARLY_PURPOSE,
    Envelope,
    Wrapped,
    new_merchant_key,
    open_early_number,
    open_merchant_key,
    open_number,
    rewrap,
    rewrap_early,
    seal_number,
)
from vault.errors import Unreadable
from vault.keyring import (
    KEY_BYTES,
    KeyFileUnusable,
    KeyRing,
    LocalKey,
    derive_key,
    encrypt,
    load_key_ring,
)

NUMBER = "4242424242424242"
RING = KeyRing(2, {version: LocalKey(os.urandom(KEY_BYTES)) for version in (1, 2)})
KEY = os.urandom(KEY_BYTES)


def test_a_sealed_number_opens_where_it_belongs() -> None:
    envelope = seal_number(KEY, NUMBER, bound_to="card:a")
    assert NUMBER.encode() not in envelope.number + envelope.wrapped_key
    assert open_number(KEY, envelope, bound_to="card:a") == NUMBER


def test_the_same_number_never_looks_the_same() -> None:
    first, second = (seal_number(KEY, NUMBER, bound_to="card:a") for _ in range(2))
    assert first.number != second.number
    assert first.wrapped_key != second.wrapped_key


def test_an_envelope_opens_nowhere_else() -> None:
    envelope = seal_number(KEY, NUMBER, bound_to="card:a")
    with pytest.raises(Unreadable):
        open_number(KEY, envelope, bound_to="card:b")
    with pytest.raises(Unreadable):
        open_number(os.urandom(KEY_BYTES), envelope, bound_to="card:a")


@pytest.mark.parametrize("part", ["number", "wrapped_key"])
def test_every_changed_byte_is_noticed(part: str) -> None:
    envelope = seal_number(KEY, NUMBER, bound_to="card:a")
    for place in range(len(getattr(envelope, part))):
        changed = bytearray(getattr(envelope, part))
        changed[place] ^= 1
        with pytest.raises(Unreadable):
            open_number(KEY, Envelope(**(vars(envelope) | {part: bytes(changed)})), bound_to="card:a")
    with pytest.raises(Unreadable):
        open_number(KEY, Envelope(**(vars(envelope) | {part: b""})), bound_to="card:a")


def test_the_key_version_is_part_of_the_seal() -> None:
    same_key = KeyRing(1, {1: RING.keys[2], 2: RING.keys[2]})
    stored = new_merchant_key(RING, "acct_1")
    assert stored.key_version == 2
    with pytest.raises(Unreadable):
        open_merchant_key(same_key, Wrapped(1, stored.wrapped), "acct_1")
    with pytest.raises(Unreadable):
        open_merchant_key(KeyRing(1, {1: RING.keys[1]}), stored, "acct_1")


def test_a_merchants_key_is_nobody_elses() -> None:
    stored = new_merchant_key(RING, "acct_1")
    assert len(open_merchant_key(RING, stored, "acct_1")) == KEY_BYTES
    for merchant, changed in (("acct_2", stored), ("acct_1", Wrapped(2, b""))):
        with pytest.raises(Unreadable):
            open_merchant_key(RING, changed, merchant)


def test_a_rewrapped_number_needs_the_new_key_only() -> None:
    envelope, new = seal_number(KEY, NUMBER, bound_to="card:a"), os.urandom(KEY_BYTES)
    moved = Envelope(rewrap(KEY, new, envelope.wrapped_key, bound_to="card:a"), envelope.number)
    assert open_number(new, moved, bound_to="card:a") == NUMBER
    with pytest.raises(Unreadable):
        open_number(KEY, moved, bound_to="card:a")


def test_an_early_number_is_read_and_moves_under_its_merchants_key() -> None:
    data_key = os.urandom(KEY_BYTES)
    version, wrapped = RING.seal(data_key, purpose=EARLY_PURPOSE, bound_to="card:a")
    early = Envelope(wrapped, encrypt(data_key, NUMBER.encode(), bound_to="card:a"))
    assert open_early_number(RING, version, early, bound_to="card:a") == NUMBER
    moved = rewrap_early(RING, Wrapped(version, wrapped), KEY, bound_to="card:a")
    assert open_number(KEY, Envelope(moved, early.number), bound_to="card:a") == NUMBER


def test_purposes_have_keys_of_their_own() -> None:
    version, sealed = RING.seal(b"123", purpose="one", bound_to="a")
    assert RING.open(version, sealed, purpose="one", bound_to="a") == b"123"
    with pytest.raises(Unreadable):
        RING.open(version, sealed, purpose="two", bound_to="a")
    assert len({derive_key(KEY, "one"), derive_key(KEY, "two"), KEY}) == 3


def test_no_key_is_ever_shown() -> None:
    assert repr(RING) == "KeyRing(current=2)"
    assert repr(RING.keys[1]) == "LocalKey()"


GOOD = base64.b64encode(os.urandom(KEY_BYTES)).decode()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        json.dumps({"current": 1, "keys": {}}),
        json.dumps({"current": 2, "keys": {"1": GOOD}}),
        json.dumps({"current": 1, "keys": {"1": GOOD[:20]}}),
        json.dumps({"current": 1, "keys": {"1": "no base64!"}}),
        json.dumps({"current": 1, "keys": {"one": GOOD}}),
        json.dumps({"current": 1, "keys": [GOOD]}),
        json.dumps({"current": 1, "keys": {"1": {"pkcs11": ""}}}),
        json.dumps({"current": 1, "keys": {"1": {"pkcs11": "label", "pin": GOOD}}}),
    ],
)
def test_a_broken_key_file_says_so_and_shows_nothing(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content)
    with pytest.raises(KeyFileUnusable) as caught:
        load_key_ring(path)
    assert GOOD[:12] not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_key_file_holds_every_version(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"current": 3, "keys": {"1": GOOD, "3": GOOD}}))
    ring = load_key_ring(path)
    assert (ring.current, set(ring.keys)) == (3, {1, 3})
