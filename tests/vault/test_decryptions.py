"""Every opening of a stored card leaves a row that says what for, and each merchant has so many in a minute."""

from typing import Any

import psycopg
import pytest

from gateway.embedded import EmbeddedValkey
from processors.protocol import NotSent
from processors.vault import Answered, VaultClient
from tests.support.servers import SHARED_SECRET
from tests.vault.processor import ScriptedProcessor
from tests.vault.room import VISA, Merchant, Room, card_fields, forward_request, new_merchant
from tests.vault.test_outages import vault_with

LIMIT = 3


def rows(room: Room, merchant: str) -> list[Any]:
    with room.superuser() as connection:
        return connection.execute(
            "SELECT card_public_id, purpose, reference FROM vault_decryption WHERE merchant = %s ORDER BY id",
            [merchant],
        ).fetchall()


def test_each_decryption_says_what_it_was_for_and_nothing_of_the_card(
    room: Room, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor
) -> None:
    charged, turned = merchant.new_token(), merchant.new_token()
    for _ in range(2):
        client.forward(forward_request(merchant.id, charged, processor.url, reference="pi_1"))
    method = merchant.post("/v1/payment_methods", {"type": "card", "card[token]": turned}).body["id"]
    first, second = (merchant.token(key="a-key").body["id"] for _ in range(2))
    assert first == second
    assert merchant.post("/v1/tokens", card_fields(cvc="999"), key="a-key").status == 400
    client.token(charged, merchant.id, False)
    client.forward(forward_request(merchant.id, "tok_visa", processor.url))
    assert rows(room, merchant.id) == [
        (charged, "charge", "pi_1"),
        (charged, "charge", "pi_1"),
        (turned, "payment_method", method),
        (first, "code_compared", first),
        (first, "code_compared", first),
    ]
    with room.superuser() as connection:
        written = str(connection.execute("SELECT to_jsonb(d) FROM vault_decryption d").fetchall())
    assert VISA not in written


def test_a_row_is_refused_to_change_and_tells_its_time_itself(room: Room, merchant: Merchant) -> None:
    values = {"merchant": merchant.id}
    insert = (
        "INSERT INTO vault_decryption (at, merchant, livemode, card_public_id, purpose, reference) "
        "VALUES ('2001-01-01', %(merchant)s, true, 'tok_1', '{}', 'pi_1') RETURNING at > now() - interval '1 hour'"
    )
    with room.application() as connection:
        assert connection.execute(insert.format("charge"), values).fetchone() == (True,)
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute(insert.format("curiosity"), values)
        for change in (
            "UPDATE vault_decryption SET purpose = 'payment_method'",
            "DELETE FROM vault_decryption",
            "TRUNCATE vault_decryption",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(change)
    with room.superuser() as connection, pytest.raises(psycopg.errors.RestrictViolation):
        connection.execute("DELETE FROM vault_decryption")


def test_beyond_its_limit_a_merchants_cards_stay_closed_and_unspent_and_others_are_served(
    room: Room, processor: ScriptedProcessor
) -> None:
    with vault_with(room, processor, "limited", VAULT_DECRYPTIONS_PER_MINUTE=str(LIMIT)) as process:
        client = VaultClient(process.url, SHARED_SECRET)
        merchant, other = new_merchant(client, process.url), new_merchant(client, process.url)
        tokens = [merchant.new_token() for _ in range(2 * LIMIT + 1)]
        outcomes = [client.forward(forward_request(merchant.id, token, processor.url)) for token in tokens]
        refused = [outcome for outcome in outcomes if isinstance(outcome, NotSent)]
        # A minute may end in between: then there are two spans of the limit, never more.
        assert refused
        assert {outcome.code for outcome in refused} == {"vault_unavailable"}
        assert len(processor.arrived) == len(outcomes) - len(refused) == len(rows(room, merchant.id))
        assert room.row(tokens[-1])["reference"] is None or isinstance(outcomes[-1], Answered)
        assert isinstance(
            client.forward(forward_request(other.id, other.new_token(), processor.url)), Answered
        )


def test_while_nobody_counts_nothing_is_opened(room: Room, processor: ScriptedProcessor) -> None:
    with (
        EmbeddedValkey("uncounted") as counts,
        vault_with(room, processor, "uncounted", VAULT_REDIS_URL=counts.url()) as process,
    ):
        client = VaultClient(process.url, SHARED_SECRET)
        merchant = new_merchant(client, process.url)
        token = merchant.new_token(cvc=None)
        counts.stop()
        outcome = client.forward(forward_request(merchant.id, token, processor.url))
        assert isinstance(outcome, NotSent)
        assert outcome.code == "vault_unavailable"
        made = merchant.post("/v1/payment_methods", {"type": "card", "card[token]": token})
        assert made.status == 503
        assert rows(room, merchant.id) == []
        assert room.row(token)["reference"] is None
        assert processor.arrived == []
