"""What production refuses at its start, before anybody can be served with it."""

import secrets
from pathlib import Path

import pytest

from core.environment import secret, whole_number


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("", "at least 32 characters"),
        ("x" * 31, "at least 32 characters"),
        ("x" * 64, "can be guessed"),
        ("abcabcabc" * 8, "can be guessed"),
        ("development-only-secret_key-and-more", "can be guessed"),
    ],
)
def test_production_refuses_a_secret_that_can_be_guessed(
    value: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET", value)
    with pytest.raises(SystemExit, match=complaint) as refused:
        secret("A_SECRET", development=False)
    assert not value or value not in str(refused.value)


def test_a_random_secret_is_taken_in_any_alphabet_and_from_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for value in (secrets.token_hex(32), secrets.token_urlsafe(32)):
        monkeypatch.setenv("A_SECRET", value)
        assert secret("A_SECRET", development=False) == value
    monkeypatch.delenv("A_SECRET")
    (tmp_path / "secret").write_text(f"{value}\n")
    monkeypatch.setenv("A_SECRET_FILE", str(tmp_path / "secret"))
    assert secret("A_SECRET", development=False) == value


@pytest.mark.parametrize("value", ["", "-1", "many", "1.5", "²"])
def test_what_must_be_a_number_is_one(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_NUMBER", value)
    with pytest.raises(SystemExit, match="A_NUMBER must be a whole number"):
        whole_number("A_NUMBER", 0)
