"""What holds in production only."""

from collections.abc import Iterator

import pytest

from processors.vault import VaultClient
from tests.support.processes import Process
from tests.support.processes import vault as vault_process
from tests.vault.room import Room, card_fields, new_merchant, post_form
from tests.vault.test_operation import PRODUCTION


@pytest.fixture(scope="module")
def production(room: Room) -> Iterator[Process]:
    folder = room.folder / "production"
    folder.mkdir()
    process = vault_process(folder, room.environment() | PRODUCTION, banks=["https://bank.example"])
    process.start()
    yield process
    process.stop()


def test_a_card_in_the_clear_is_refused_and_not_redirected(production: Process) -> None:
    client = VaultClient(production.url, PRODUCTION["VAULT_SHARED_SECRET"])
    merchant = new_merchant(client, production.url)
    reply = merchant.token(live=True)
    assert (reply.status, reply.error["type"]) == (400, "invalid_request_error")
    assert "HTTPS" in reply.error["message"]
    behind_a_proxy = {"Authorization": f"Bearer {merchant.live_key}", "X-Forwarded-Proto": "https"}
    elsewhere = post_form(
        f"{production.url}/v1/tokens", card_fields(), behind_a_proxy | {"Host": "elsewhere.example"}
    )
    assert (elsewhere.status, elsewhere.error["type"]) == (400, "invalid_request_error")
    reply = post_form(f"{production.url}/v1/tokens", card_fields(), behind_a_proxy)
    assert reply.status == 200
    assert "max-age" in reply.headers["Strict-Transport-Security"]
    assert client.token(reply.body["id"], merchant.id, True) is not None
