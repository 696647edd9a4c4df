"""Payments in this process, on the module's own books, with a bank that the test scripts."""

from collections.abc import Iterator
from typing import Any

import pytest

from idempotency.keys import Key
from merchants.auth import Caller, caller_of
from merchants.services import NewMerchant, create_merchant
from payments import routing
from tests.conftest import Books
from tests.support.scripted import ScriptedBank, ScriptedVault


@pytest.fixture
def shop(books: Books) -> NewMerchant:
    return create_merchant("A shop")


@pytest.fixture
def caller(shop: NewMerchant) -> Caller:
    return caller_of(f"Bearer {shop.keys['sk_test']}")


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedBank]:
    """The processor that this test's charges go to."""
    scripted = ScriptedBank()
    adapters: dict[str, Any] = {"sandbox": scripted}
    monkeypatch.setattr(routing, "processor", adapters.__getitem__)
    monkeypatch.setattr(routing, "vault", ScriptedVault)
    yield scripted


@pytest.fixture
def key(caller: Caller) -> Any:
    """`key("text")` makes a Key of the caller's."""

    def make(text: str, fingerprint: str = "f") -> Key:
        return Key(caller.merchant_id, caller.livemode, text, fingerprint, f"req_{text}")

    return make
