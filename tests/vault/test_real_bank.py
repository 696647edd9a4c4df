"""Vault and sandbox bank together, as two processes."""

from collections.abc import Iterator

import pytest

from core.ids import new_id
from processors.vault import Answered, VaultClient
from tests.support.processes import Process, bank
from tests.support.processes import vault as vault_process
from tests.support.servers import SHARED_SECRET
from tests.vault.room import CARD_BODY, Room, forward_request, new_merchant, send


@pytest.fixture(scope="module")
def sandbox(room: Room) -> Iterator[Process]:
    process = bank(room.folder)
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def beside_it(room: Room, sandbox: Process) -> Iterator[Process]:
    folder = room.folder / "beside-the-bank"
    folder.mkdir()
    process = vault_process(folder, room.environment(), banks=[sandbox.url])
    process.start()
    yield process
    process.stop()


def test_a_card_is_authorized_once_however_often_its_reference_comes(
    sandbox: Process, beside_it: Process
) -> None:
    client = VaultClient(beside_it.url, SHARED_SECRET)
    merchant = new_merchant(client, beside_it.url)
    token, reference = merchant.new_token(), new_id("op")
    body = {
        "reference": reference,
        "amount": 1000,
        "currency": "eur",
        "capture": True,
        "card": CARD_BODY,
        "descriptor": None,
    }
    order = forward_request(merchant.id, token, sandbox.url, reference=reference, body=body)
    outcome = client.forward(order)
    assert isinstance(outcome, Answered)
    assert (outcome.status, outcome.body["status"]) == (200, "approved")
    # The code is gone now, as it must be, and the bank knows its reference all the same.
    client.forward(order)
    counts = send("GET", f"{sandbox.url}/control/counts?reference={reference}", b"", {}).body
    assert counts["authorize"] == 1


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("tok_chargeDeclined", "generic_decline"),
        ("tok_visa_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("tok_chargeDeclinedExpiredCard", "expired_card"),
        ("tok_chargeDeclinedIncorrectCvc", "incorrect_cvc"),
        ("tok_chargeDeclinedProcessingError", "processing_error"),
    ],
)
def test_the_declining_tokens_are_declined(
    sandbox: Process, beside_it: Process, token: str, code: str
) -> None:
    reference = new_id("op")
    body = {"reference": reference, "amount": 1000, "currency": "eur", "capture": True, "card": CARD_BODY}
    outcome = VaultClient(beside_it.url, SHARED_SECRET).forward(
        forward_request("acct_1", token, sandbox.url, reference=reference, body=body)
    )
    assert isinstance(outcome, Answered)
    assert (outcome.body["status"], outcome.body["decline_code"]) == ("declined", code)
