"""What the vault does when something around it is away: it says so, and sends nothing by halves."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from gateway.embedded import EmbeddedValkey
from processors.protocol import NotSent, Unknown
from processors.vault import Answered, PassedOn, VaultClient
from tests.support.processes import Process
from tests.support.processes import vault as vault_process
from tests.support.servers import SHARED_SECRET
from tests.vault.processor import ScriptedProcessor, waits
from tests.vault.room import VISA, Merchant, Room, forward_request, new_merchant


@contextmanager
def vault_with(room: Room, processor: ScriptedProcessor, name: str, **environment: str) -> Iterator[Process]:
    (room.folder / name).mkdir(exist_ok=True)
    process = vault_process(room.folder / name, room.environment() | environment, banks=[processor.url])
    process.start()
    try:
        yield process
    finally:
        process.stop()


def wait_until_refused(port: int) -> None:
    """The workers of a killed server end a moment after it, and only then is its port free."""
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            return
        except OSError:
            pass
        time.sleep(0.01)
    raise AssertionError(f"port {port} still answers")


class TestWithoutTheCodesRedis:
    def test_no_card_is_taken_for_nobody_counts_them(
        self, room: Room, processor: ScriptedProcessor, closed_port: int
    ) -> None:
        away = f"redis://127.0.0.1:{closed_port}/0"
        with vault_with(room, processor, "no-redis", VAULT_REDIS_URL=away) as process:
            merchant = new_merchant(VaultClient(process.url, SHARED_SECRET), process.url)
            refused = merchant.token(key="a-key")
            assert (refused.status, refused.error["type"]) == (503, "api_error")
            assert refused.headers["Stripe-Should-Retry"] == "true"
            assert merchant.token(cvc=None).status == 503

    def test_a_card_whose_code_can_not_be_asked_for_is_not_sent_and_not_spent(
        self, room: Room, processor: ScriptedProcessor
    ) -> None:
        with (
            EmbeddedValkey("codes") as codes,
            vault_with(room, processor, "redis-dies", VAULT_REDIS_URL=codes.url()) as process,
        ):
            client = VaultClient(process.url, SHARED_SECRET)
            merchant = new_merchant(client, process.url)
            token = merchant.new_token()
            codes.stop()
            outcome = client.forward(forward_request(merchant.id, token, processor.url, reference="op_1"))
            assert isinstance(outcome, NotSent)
            assert outcome.code == "vault_unavailable"
            assert processor.arrived == []
            assert room.row(token)["reference"] is None

    def test_a_redis_that_forgot_costs_the_code_and_not_the_card(
        self, room: Room, merchant: Merchant, client: VaultClient, processor: ScriptedProcessor
    ) -> None:
        token = merchant.new_token()
        redis.Redis.from_url(room.valkey.url()).flushall()
        assert isinstance(client.forward(forward_request(merchant.id, token, processor.url)), Answered)
        assert processor.arrived[0]["card"] == {
            "number": VISA,
            "exp_month": 12,
            "exp_year": 2034,
            "cvc": None,
        }


class TestWithoutTheDatabase:
    def test_stored_cards_are_not_sent_and_static_ones_are(
        self, room: Room, processor: ScriptedProcessor, closed_port: int
    ) -> None:
        away = f"postgres://a:b@127.0.0.1:{closed_port}/nowhere"
        with vault_with(room, processor, "no-database", VAULT_DATABASE_URL=away) as process:
            client = VaultClient(process.url, SHARED_SECRET)
            assert isinstance(client.forward(forward_request("acct_1", "tok_visa", processor.url)), Answered)
            outcome = client.forward(forward_request("acct_1", "tok_1", processor.url, timeout_seconds=15))
            assert isinstance(outcome, NotSent)
            assert outcome.code == "vault_unavailable"

    def test_an_unforeseen_error_is_logged_by_place_without_values(
        self, room: Room, processor: ScriptedProcessor
    ) -> None:
        unmigrated = room.postgres.superuser_url()
        with vault_with(room, processor, "unmigrated", VAULT_DATABASE_URL=unmigrated) as process:
            answer: PassedOn = VaultClient(process.url, SHARED_SECRET).tokenize_passthrough(
                path="/v1/tokens",
                merchant="acct_1",
                livemode=False,
                body=b"card[number]=4242424242424242&card[exp_month]=12&card[exp_year]=2034&card[name]=Jane+Roe",
                content_type="application/x-www-form-urlencoded",
                idempotency_key="a-key",
                client_ip="",
            )
        assert answer.status == 500
        assert b"api_error" in answer.body
        log = process.log.read_text()
        assert "ProgrammingError at" in log
        assert "vault/fingerprints.py" in log
        for secret in ("4242", "Jane Roe", "SELECT"):
            assert secret not in log
            assert secret.encode() not in answer.body


class TestDeathOfTheVault:
    def test_a_vault_that_dies_while_the_processor_works_leaves_the_outcome_unknown(
        self, room: Room, processor: ScriptedProcessor
    ) -> None:
        processor.behave(waits(2))
        with vault_with(room, processor, "dies") as process:
            client = VaultClient(process.url, SHARED_SECRET)
            outcomes = []
            order = forward_request("acct_1", "tok_visa", processor.url)
            call = threading.Thread(target=lambda: outcomes.append(client.forward(order)))
            call.start()
            while not processor.arrived:
                time.sleep(0.01)
            process.kill()
            call.join()
            assert isinstance(outcomes[0], Unknown)
            wait_until_refused(process.port)
            outcome = client.forward(order)
            assert isinstance(outcome, NotSent)
            assert outcome.code == "vault_unavailable"
            process.start()
            assert isinstance(client.forward(order), Answered)
            assert len(processor.arrived) == 2
            assert client.token("tok_visa", "acct_1", False) is not None


class TestFaults:
    def test_a_vault_that_dies_before_it_sends_keeps_the_token_for_its_reference(
        self, room: Room, processor: ScriptedProcessor
    ) -> None:
        faults = room.folder / "faults"
        faults.mkdir()
        with vault_with(room, processor, "faulty", FAULTS_DIR=str(faults)) as process:
            client = VaultClient(process.url, SHARED_SECRET)
            merchant = new_merchant(client, process.url)
            token = merchant.new_token()
            order = forward_request(merchant.id, token, processor.url)
            (faults / "vault.before_send").write_text("kill")
            assert isinstance(client.forward(order), Unknown)
            assert processor.arrived == []
            process.restart()
            other = client.forward(forward_request(merchant.id, token, processor.url))
            assert isinstance(other, NotSent)
            assert other.code == "token_already_used"
            assert isinstance(client.forward(order), Answered)
            assert processor.arrived[0]["card"]["cvc"] == "123"
