"""The security code is there for as long as its payment is undecided, and not a moment longer."""

from typing import Any

import pytest
import redis

from processors.vault import VaultClient
from tests.vault.processor import ScriptedProcessor, hangs_up, says
from tests.vault.room import Merchant, Room, forward_request


def test_the_code_is_gone_after_an_answer(
    merchant: Merchant, client: VaultClient, processor: ScriptedProcessor
) -> None:
    token = merchant.new_token()
    for _ in range(2):
        client.forward(forward_request(merchant.id, token, processor.url, reference="op_1"))
    assert [body["card"]["cvc"] for body in processor.arrived] == ["123", None]


@pytest.mark.parametrize(
    "behaviour",
    [hangs_up, says(500, {}), says(503, {"error": "not_done"}), says(429, {}), says(409, {})],
)
def test_the_code_is_kept_while_the_outcome_is_open(
    merchant: Merchant, client: VaultClient, processor: ScriptedProcessor, behaviour: Any
) -> None:
    token = merchant.new_token()
    processor.behave(behaviour)
    for _ in range(2):
        client.forward(forward_request(merchant.id, token, processor.url, reference="op_1"))
    assert [body["card"]["cvc"] for body in processor.arrived] == ["123", "123"]


def test_a_call_that_decides_nothing_keeps_the_code_for_the_next_and_not_for_long(
    merchant: Merchant, client: VaultClient, processor: ScriptedProcessor, room: Room
) -> None:
    token = merchant.new_token()
    codes = redis.Redis.from_url(room.valkey.url())
    for keep_code in (True, True, False, False):
        client.forward(
            forward_request(merchant.id, token, processor.url, reference="pi_1", keep_code=keep_code)
        )
        if keep_code:
            assert 0 < codes.ttl(f"cvc:{token}") <= 120
    assert [body["card"]["cvc"] for body in processor.arrived] == ["123", "123", "123", None]
