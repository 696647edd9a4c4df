"""Keys and envelopes: what was changed, moved or made with another key does not open."""

import base64
import json
import os
from pathlib import Path

import pytest

from vault.envelope import Envelope, open_number, rewrap, seal_number
from vault.keyring import KEY_BYTES, KeyFileUnusable, KeyRing, Unreadable, derive_key, load_key_ring

NUMBER = "4242424242424242"
RING = KeyRing(2, {1: os.urandom(KEY_BYTES), 2: os.urandom(KEY_BYTES)})


def test_a_sealed_number_opens_where_it_belongs() -> None:
    envelope = seal_number(RING, NUMBER, bound_to="card:a")
    assert envelope.key_version == 2
    assert NUMBER.encode() not in envelope.number + envelope.wrapped_key
    assert open_number(RING, envelope, bound_to="card:a") == NUMBER


def test_the_same_number_never_looks_the_same() -> None:
    first, second = (seal_number(RING, NUMBER, bound_to="card:a") for _ in range(2))
    assert first.number != second.number
    assert first.wrapped_key != second.wrapped_key


def test_an_envelope_opens_nowhere_else() -> None:
    with pytest.raises(Unreadable):
        open_number(RING, seal_number(RING, NUMBER, bound_to="card:a"), bound_to="card:b")


@pytest.mark.parametrize("part", ["number", "wrapped_key"])
def test_every_changed_byte_is_noticed(part: str) -> None:
    envelope = seal_number(RING, NUMBER, bound_to="card:a")
    for place in range(len(getattr(envelope, part))):
        changed = bytearray(getattr(envelope, part))
        changed[place] ^= 1
        with pytest.raises(Unreadable):
            open_number(RING, Envelope(**(vars(envelope) | {part: bytes(changed)})), bound_to="card:a")
    with pytest.raises(Unreadable):
        open_number(RING, Envelope(**(vars(envelope) | {part: b""})), bound_to="card:a")


def test_the_key_version_is_part_of_the_seal() -> None:
    same_key = KeyRing(1, {1: RING.keys[2], 2: RING.keys[2]})
    envelope = seal_number(RING, NUMBER, bound_to="card:a")
    with pytest.raises(Unreadable):
        open_number(same_key, Envelope(1, envelope.wrapped_key, envelope.number), bound_to="card:a")
    with pytest.raises(Unreadable):
        open_number(KeyRing(1, {1: RING.keys[1]}), envelope, bound_to="card:a")


def test_a_rewrapped_number_needs_the_new_key_only() -> None:
    envelope = seal_number(KeyRing(1, RING.keys), NUMBER, bound_to="card:a")
    moved = rewrap(RING, envelope, bound_to="card:a")
    assert (moved.key_version, moved.number) == (2, envelope.number)
    assert open_number(KeyRing(2, {2: RING.keys[2]}), moved, bound_to="card:a") == NUMBER


def test_purposes_have_keys_of_their_own() -> None:
    version, sealed = RING.seal(b"123", purpose="one", bound_to="a")
    assert RING.open(version, sealed, purpose="one", bound_to="a") == b"123"
    with pytest.raises(Unreadable):
        RING.open(version, sealed, purpose="two", bound_to="a")
    assert len({derive_key(RING.keys[1], "one"), derive_key(RING.keys[1], "two"), RING.keys[1]}) == 3


def test_no_key_is_ever_shown() -> None:
    assert repr(RING) == "KeyRing(current=2)"


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
