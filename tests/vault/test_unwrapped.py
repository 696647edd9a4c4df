"""What an HSM has unwrapped is remembered for a minute, and by its very ciphertext."""

import pytest

from vault import unwrapped
from vault.errors import HsmUnavailable


def test_an_unwrapped_key_is_remembered_for_its_time_only(monkeypatch: pytest.MonkeyPatch) -> None:
    now, asked = [1000.0], list[int]()
    monkeypatch.setattr("vault.unwrapped.time.monotonic", lambda: now[0])
    monkeypatch.setattr(unwrapped, "_known", {})
    one = unwrapped.Wrapping(1, b"one", "acct_1")

    def ask() -> bytes:
        asked.append(1)
        return b"key"

    def away() -> bytes:
        raise HsmUnavailable("it is away")

    with pytest.raises(HsmUnavailable):
        unwrapped.unwrapped(one, away)
    assert [unwrapped.unwrapped(one, ask) for _ in range(3)] == [b"key"] * 3
    assert len(asked) == 1
    # Another merchant's, and another ciphertext, are others.
    unwrapped.unwrapped(one._replace(merchant="acct_2"), ask)
    unwrapped.unwrapped(one._replace(wrapped=b"two"), ask)
    assert len(asked) == 3
    now[0] += unwrapped.KEEP_SECONDS
    with pytest.raises(HsmUnavailable):
        unwrapped.unwrapped(one, away)
    assert unwrapped._known == {}


def test_no_more_keys_are_remembered_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unwrapped, "MOST", 5)
    monkeypatch.setattr(unwrapped, "_known", {})
    for number in range(20):
        unwrapped.unwrapped(unwrapped.Wrapping(1, b"one", f"acct_{number}"), lambda: b"key")
    assert len(unwrapped._known) <= 6
