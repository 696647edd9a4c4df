"""kill -9 of the web process at every step of a charge: the charge ends as the bank says, done once, and the
client's retry gets the answer."""

import functools
from concurrent.futures import ThreadPoolExecutor

import pytest
import urllib3

from ledger.queries import trial_balance
from merchants.services import NewMerchant
from payments.models import Charge, Operation
from tests.support.bank import Bank
from tests.support.client import Client, Reply
from tests.support.eventually import eventually
from tests.support.processes import System

POINTS = [
    "phase_1.before_commit",
    "phase_1.after_commit",
    "processor.after_answer",
    "phase_2.before_commit",
    "phase_2.after_commit",
]


@pytest.fixture
def client(system: System, shop: NewMerchant) -> Client:
    return Client(system.web.url, shop.keys["sk_test"])


def cut_off(call: object) -> None:
    with pytest.raises(urllib3.exceptions.HTTPError):
        call()  # type: ignore[operator]


def retried(client: Client, send: object) -> Reply:
    """Repeats as an SDK does: on a lost connection, 409 and 5xx."""

    def attempt() -> Reply | None:
        try:
            reply: Reply = send()  # type: ignore[operator]
        except urllib3.exceptions.HTTPError:
            return None
        return None if reply.status == 409 or reply.status >= 500 else reply

    return eventually(attempt, what="an answer to the retry")


def unconfirmed(shop: NewMerchant) -> int:
    rows = [row for row in trial_balance() if "unconfirmed" in row.address]
    return sum(abs(row.debit - row.credit) for row in rows if shop.merchant.public_id in row.address)


@pytest.mark.parametrize("point", POINTS)
def test_a_charge_survives_kill_9(
    system: System, client: Client, shop: NewMerchant, bank: Bank, point: str
) -> None:
    crash(system, client, point, key="k")
    answer = retried(client, lambda: client.charge(idempotency_key="k"))
    assert (answer.status, answer.json()["status"]) == (200, "succeeded")
    check_done_once(shop, bank, answer)
    assert unconfirmed(shop) == 0


def test_a_charge_is_finished_for_a_client_that_never_comes_back(
    system: System, client: Client, shop: NewMerchant, bank: Bank
) -> None:
    """The sweeper finishes it and keeps the answer: a retry days later replays it."""
    begun = POINTS[1:]
    for point in begun:
        crash(system, client, point, key=point)
    operations = Operation.objects.filter(merchant=shop.merchant)
    assert operations.count() == len(begun)
    eventually(lambda: not operations.filter(next_attempt_at__isnull=False).exists(), what="the sweeper")
    for point in begun:
        answer = client.charge(idempotency_key=point)
        assert (answer.json()["status"], answer.headers["Idempotent-Replayed"]) == ("succeeded", "true")
        check_done_once(shop, bank, answer)
    assert unconfirmed(shop) == 0


def crash(system: System, client: Client, point: str, *, key: str) -> None:
    """A charge whose web process is killed at the point, and the web process started again."""
    system.fault(point, "kill")
    cut_off(lambda: client.charge(idempotency_key=key))
    system.wait_for_fault(point)
    system.web.restart()


def check_done_once(shop: NewMerchant, bank: Bank, answer: Reply) -> None:
    charge = Charge.objects.get(merchant=shop.merchant, public_id=answer.json()["id"])
    operation = Operation.objects.get(charge=charge)
    assert operation.state == "succeeded"
    assert bank.counts(operation.public_id)["authorize"] == 1


def test_twenty_threads_with_one_key_and_kill_9_in_between_make_one_charge(
    system: System, client: Client, shop: NewMerchant, bank: Bank
) -> None:
    system.fault("processor.after_answer", "kill")
    with ThreadPoolExecutor(20) as pool:
        asked = [
            pool.submit(retried, client, lambda: client.charge(idempotency_key="one-key")) for _ in range(20)
        ]
        system.wait_for_fault("processor.after_answer")
        system.web.restart()
        answers = [future.result() for future in asked]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    check_done_once(shop, bank, answers[0])
    assert Charge.objects.filter(merchant=shop.merchant).count() == 1
    assert unconfirmed(shop) == 0


@pytest.mark.parametrize("point", POINTS)
def test_a_refund_survives_kill_9(
    system: System, client: Client, shop: NewMerchant, bank: Bank, point: str
) -> None:
    charge = client.charge().json()["id"]
    fields = {"charge": charge, "amount": 4_000}
    system.fault(point, "kill")
    cut_off(lambda: client.post("/v1/refunds", fields, idempotency_key="r"))
    system.wait_for_fault(point)
    system.web.restart()
    answer = retried(client, lambda: client.post("/v1/refunds", fields, idempotency_key="r"))
    assert (answer.status, answer.json()["status"]) == (200, "succeeded")
    operation = Operation.objects.get(merchant=shop.merchant, kind="refund")
    assert bank.counts(operation.public_id)["refund"] == 1
    assert client.get(f"/v1/charges/{charge}").json()["amount_refunded"] == 4_000
    assert unconfirmed(shop) == 0


def test_a_frozen_process_that_wakes_up_changes_nothing(
    system: System, client: Client, shop: NewMerchant, bank: Bank
) -> None:
    """Its lease ends, the sweeper closes the operation, and only then does it go on."""
    system.fault("phase_1.after_commit", "delay 12")
    with ThreadPoolExecutor(1) as pool:
        frozen = pool.submit(client.charge, idempotency_key="k")
        eventually(
            lambda: Operation.objects.filter(merchant=shop.merchant, state="succeeded").exists(),
            what="the sweeper",
        )
        late = frozen.result()
    again = client.charge(idempotency_key="k")
    assert late.status == again.status == 200
    assert late.body == again.body
    operation = Operation.objects.get(merchant=shop.merchant)
    assert bank.counts(operation.public_id)["authorize"] == 1
    assert unconfirmed(shop) == 0


def test_all_web_workers_die_under_load_and_nothing_is_doubled_or_lost(
    system: System, client: Client, shop: NewMerchant, bank: Bank
) -> None:
    bank.fault("latency", match={"kind": "authorize"}, min_seconds=0.0, max_seconds=0.4)
    keys = [f"load-{n}" for n in range(40)]
    with ThreadPoolExecutor(10) as pool:
        asked = [
            pool.submit(retried, client, functools.partial(client.charge, idempotency_key=key))
            for key in keys
        ]
        eventually(lambda: sum(future.done() for future in asked) > 8)
        system.web.restart()
        answers = [future.result() for future in asked]
    assert {answer.status for answer in answers} == {200}
    eventually(
        lambda: not Operation.objects.filter(merchant=shop.merchant, next_attempt_at__isnull=False).exists(),
        what="the sweeper",
    )
    operations = Operation.objects.filter(merchant=shop.merchant)
    assert operations.count() == len(keys)
    assert all(bank.counts(operation.public_id)["authorize"] == 1 for operation in operations)
    assert {client.charge(idempotency_key=key).json()["status"] for key in keys} == {"succeeded"}
    assert unconfirmed(shop) == 0
