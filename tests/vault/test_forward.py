"""A card leaves the vault once per order, to known places only, and nothing of it comes back."""

import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from core.ids import new_id
from processors.protocol import NotSent, Unknown
from processors.vault import Answered, VaultClient
from tests.vault.processor import (
    Arrival,
    ScriptedProcessor,
    breaks_off,
    hangs_up,
    redirects_to,
    says,
    says_no_json,
    trickles,
    trickles_its_headers,
    waits,
)
from tests.vault.room import CARD_BODY, VISA, Merchant, Room, forward_request


def test_the_card_is_filled_in_and_the_answer_comes_back(
    merchant: Merchant, client: VaultClient, processor: ScriptedProcessor
) -> None:
    processor.behave(says(200, {"status": "approved", "checks": {"cvc": "pass"}, "fee": 150}))
    outcome = client.forward(forward_request(merchant.id, merchant.new_token(), processor.url))
    assert outcome == Answered(200, {"status": "approved", "checks": {"cvc": "pass"}, "fee": 150})
    card = {"number": VISA, "exp_month": 12, "exp_year": 2034, "cvc": "123"}
    assert processor.arrived == [{"amount": 100, "card": card}]
    assert processor.headers[0]["Authorization"] == "Bearer sandbox"
    assert processor.headers[0]["Content-Type"] == "application/json"


def test_a_card_without_a_code_is_sent_with_null(
    merchant: Merchant, client: VaultClient, processor: ScriptedProcessor
) -> None:
    client.forward(forward_request(merchant.id, merchant.new_token(cvc=None), processor.url))
    assert processor.arrived[0]["card"]["cvc"] is None


@pytest.mark.parametrize(
    ("token", "number"), [("tok_visa", VISA), ("pm_card_chargeCustomerFail", "4000000000000341")]
)
def test_static_tokens_are_sent_as_often_as_you_like(
    merchant: Merchant, client: VaultClient, processor: ScriptedProcessor, token: str, number: str
) -> None:
    for _ in range(2):
        assert isinstance(client.forward(forward_request(merchant.id, token, processor.url)), Answered)
    assert [body["card"]["number"] for body in processor.arrived] == [number, number]


class TestSingleUse:
    def test_the_same_reference_may_come_again_and_another_may_not(
        self, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor
    ) -> None:
        token = merchant.new_token()
        assert client.token(token, merchant.id, False).used is False  # type: ignore[union-attr]
        for _ in range(2):
            order = forward_request(merchant.id, token, processor.url, reference="op_first")
            assert isinstance(client.forward(order), Answered)
        outcome = client.forward(forward_request(merchant.id, token, processor.url, reference="op_second"))
        assert isinstance(outcome, NotSent)
        assert outcome.code == "token_already_used"
        assert len(processor.arrived) == 2
        assert client.token(token, merchant.id, False).used is True  # type: ignore[union-attr]

    def test_several_attempts_of_one_payment_may_use_it_and_one_that_never_left_takes_nothing_from_the_others(
        self, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor, closed_port: int
    ) -> None:
        token = merchant.new_token()
        turned_away, elsewhere = says(503, {"error": "not_done"}), f"http://127.0.0.1:{closed_port}"
        processor.behave(turned_away)
        client.forward(forward_request(merchant.id, token, processor.url, reference="pi_1"))
        client.forward(forward_request(merchant.id, token, elsewhere, reference="pi_1"))
        outcome = client.forward(forward_request(merchant.id, token, processor.url, reference="pi_2"))
        assert isinstance(outcome, NotSent)
        assert outcome.code == "token_already_used"
        outcome = client.forward(forward_request(merchant.id, token, processor.url, reference="pi_1"))
        assert outcome == Answered(503, {"error": "not_done"})
        assert [body["card"]["cvc"] for body in processor.arrived] == ["123", "123"]

    def test_of_20_threads_with_two_references_one_reference_wins(
        self, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor
    ) -> None:
        token = merchant.new_token()
        references = [new_id("op"), new_id("op")]
        start = threading.Barrier(20)

        def use(number: int) -> Any:
            start.wait()
            body = {"reference": references[number % 2], "card": CARD_BODY}
            return client.forward(
                forward_request(
                    merchant.id, token, processor.url, reference=references[number % 2], body=body
                )
            )

        with ThreadPoolExecutor(20) as threads:
            outcomes = list(threads.map(use, range(20)))
        assert len({body["reference"] for body in processor.arrived}) == 1
        assert sum(isinstance(outcome, Answered) for outcome in outcomes) == 10
        assert {outcome.code for outcome in outcomes if isinstance(outcome, NotSent)} == {
            "token_already_used"
        }

    def test_a_token_that_provably_went_nowhere_can_be_used_by_another_reference(
        self, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor, closed_port: int
    ) -> None:
        token = merchant.new_token()
        nowhere = f"http://127.0.0.1:{closed_port}"
        outcome = client.forward(forward_request(merchant.id, token, nowhere, reference="op_1"))
        assert isinstance(outcome, NotSent)
        assert outcome.code == "connection_failed"
        assert isinstance(
            client.forward(forward_request(merchant.id, token, processor.url, reference="op_2")), Answered
        )
        assert processor.arrived[0]["card"]["cvc"] == "123"

    def test_a_token_that_may_have_gone_out_stays_with_its_reference(
        self, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor, closed_port: int
    ) -> None:
        token = merchant.new_token()
        processor.behave(hangs_up)
        client.forward(forward_request(merchant.id, token, processor.url, reference="op_1"))
        nowhere = f"http://127.0.0.1:{closed_port}"
        assert isinstance(
            client.forward(forward_request(merchant.id, token, nowhere, reference="op_1")), NotSent
        )
        outcome = client.forward(forward_request(merchant.id, token, processor.url, reference="op_2"))
        assert isinstance(outcome, NotSent)
        assert outcome.code == "token_already_used"

    def test_postgresql_refuses_another_reference(
        self, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor, room: Room
    ) -> None:
        token = merchant.new_token()
        client.forward(forward_request(merchant.id, token, processor.url))
        with room.application() as connection:
            for change in ("reference = 'op_other'", "reference = NULL", "attempts = 2, reference = NULL"):
                with pytest.raises((psycopg.errors.RestrictViolation, psycopg.errors.CheckViolation)):
                    connection.execute(f"UPDATE vault_card SET {change} WHERE public_id = %s", [token])


class TestWhoMayUseWhat:
    def test_another_merchants_token_is_unknown(
        self, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor
    ) -> None:
        token = merchant.new_token()
        outcome = client.forward(forward_request("acct_other", token, processor.url))
        assert isinstance(outcome, NotSent)
        assert outcome.code == "resource_missing"
        assert client.token(token, "acct_other", False) is None
        assert processor.arrived == []

    @pytest.mark.parametrize("live", [True, False])
    def test_the_other_modes_token_is_unknown(
        self, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor, live: bool
    ) -> None:
        token = merchant.new_token(live=live)
        outcome = client.forward(forward_request(merchant.id, token, processor.url, livemode=not live))
        assert isinstance(outcome, NotSent)
        assert outcome.code == "resource_missing"
        assert client.token(token, merchant.id, not live) is None

    def test_static_tokens_do_not_exist_in_live_mode(
        self, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor
    ) -> None:
        outcome = client.forward(forward_request(merchant.id, "tok_visa", processor.url, livemode=True))
        assert isinstance(outcome, NotSent)
        assert client.token("tok_visa", merchant.id, True) is None
        assert processor.arrived == []


class TestWhereCardsGo:
    @pytest.mark.parametrize(
        "url",
        [
            "http://169.254.169.254",
            "https://evil.example",
            "http://localhost:{port}",
            "https://127.0.0.1:{port}",
            "http://127.0.0.1:{port}@evil.example",
            "http://user:word@127.0.0.1:{port}",
            "http://evil.example\\@127.0.0.1:{port}",
            "http://127.0.0.1:{port}.evil.example",
            "http://127.0.0.1",
            "file:///etc/passwd",
            "//127.0.0.1:{port}",
        ],
    )
    def test_only_listed_origins_are_called(
        self, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor, url: str
    ) -> None:
        token = merchant.new_token()
        outcome = client.forward(
            forward_request(merchant.id, token, url.format(port=processor.url.rpartition(":")[2]))
        )
        assert isinstance(outcome, NotSent), outcome
        assert outcome.code == "not_allowed"
        assert processor.arrived == []
        assert client.token(token, merchant.id, False).used is False  # type: ignore[union-attr]

    def test_redirects_are_not_followed(
        self, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor
    ) -> None:
        processor.behave(redirects_to(f"{processor.url}/elsewhere"))
        outcome = client.forward(forward_request(merchant.id, "tok_visa", processor.url))
        assert outcome == Answered(307, None)
        assert len(processor.arrived) == 1

    @pytest.mark.parametrize(
        "headers",
        [
            {"Host": "evil.example"},
            {"X-Note": "a\r\nHost: evil.example"},
            {"A:b": "c"},
            {"Content-Length": "3"},
        ],
    )
    def test_headers_that_change_the_message_are_refused(
        self, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor, headers: dict[str, str]
    ) -> None:
        outcome = client.forward(forward_request(merchant.id, "tok_visa", processor.url, headers=headers))
        assert isinstance(outcome, NotSent)
        assert outcome.code == "vault_refused"
        assert processor.arrived == []

    @pytest.mark.parametrize(
        "body",
        [
            {"card": CARD_BODY, "descriptor": "{{card.number}}"},
            {"card": CARD_BODY, "notes": ["{{card.cvc}}"]},
            {"amount": 100},
        ],
    )
    def test_a_text_that_a_merchant_chose_never_becomes_a_card_number(
        self, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor, body: dict[str, Any]
    ) -> None:
        outcome = client.forward(forward_request(merchant.id, "tok_visa", processor.url, body=body))
        assert isinstance(outcome, NotSent)
        assert processor.arrived == []


class TestOutcomes:
    @pytest.mark.parametrize("behaviour", [hangs_up, breaks_off, says_no_json])
    def test_an_answer_that_is_not_complete_is_unknown(
        self, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor, behaviour: Any
    ) -> None:
        processor.behave(behaviour)
        outcome = client.forward(forward_request(merchant.id, "tok_visa", processor.url))
        assert isinstance(outcome, Unknown)
        assert len(processor.arrived) == 1

    @pytest.mark.parametrize("behaviour", [waits(3), trickles, trickles_its_headers])
    def test_the_timeout_is_for_the_whole_call(
        self, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor, behaviour: Any
    ) -> None:
        processor.behave(behaviour)
        began = time.monotonic()
        outcome = client.forward(forward_request(merchant.id, "tok_visa", processor.url, timeout_seconds=1))
        assert isinstance(outcome, Unknown)
        assert time.monotonic() - began < 2.5

    def test_a_refused_connection_was_not_sent(
        self, merchant: Merchant, client: VaultClient, closed_port: int
    ) -> None:
        order = forward_request(merchant.id, "tok_visa", f"http://127.0.0.1:{closed_port}")
        outcome = client.forward(order)
        assert isinstance(outcome, NotSent)
        assert outcome.code == "connection_failed"

    def test_an_error_is_an_answer_too(
        self, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor
    ) -> None:
        processor.behave(says(500, {"error": "boom"}))
        outcome = client.forward(forward_request(merchant.id, "tok_visa", processor.url))
        assert outcome == Answered(500, {"error": "boom"})

    def test_a_connection_that_was_closed_while_idle_sends_nothing_twice(
        self, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor
    ) -> None:
        assert isinstance(client.forward(forward_request(merchant.id, "tok_visa", processor.url)), Answered)

        def answers_and_closes(arrival: Arrival) -> None:
            arrival.answer(200, {"status": "approved"})
            arrival.hang_up()

        processor.behave(answers_and_closes)
        for _ in range(5):
            outcome = client.forward(forward_request(merchant.id, "tok_visa", processor.url))
            assert isinstance(outcome, Answered | Unknown)
        assert len(processor.arrived) <= 6


class TestScrubbing:
    def test_no_number_and_no_code_comes_back(
        self, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor
    ) -> None:
        leaks = {
            "number": VISA,
            "as_integer": int(VISA),
            "spaced": "card 4242 4242 4242 4242 ok",
            "dashed": ["4242-4242-4242-4242"],
            VISA: "as a key",
            "request": {"card": {"cvc": "123", "cvv2": 123, "securityCode": "123"}},
            "echo": "number=4242424242424242&cvc=123",
            "url": "4242%204242%204242%204242",
            "last4": "4242",
            "checks": {"cvc": "pass", "cvc_check": "unchecked"},
            "network_transaction_id": "423456789012345",
        }
        processor.behave(says(200, leaks))
        outcome = client.forward(forward_request(merchant.id, "tok_visa", processor.url))
        assert isinstance(outcome, Answered)
        text = json.dumps(outcome.body).replace("423456789012345", "")
        assert not re.search(r"4242\D{0,5}4242", text)
        assert "123" not in text
        assert outcome.body["last4"] == "4242"
        assert outcome.body["checks"] == {"cvc": "pass", "cvc_check": "unchecked"}
        assert outcome.body["network_transaction_id"] == "423456789012345"
