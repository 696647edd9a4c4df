"""Claims: one holder, one answer, kept as it is; the dead are taken over, the living are not."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from core.processes import me
from idempotency.errors import KeyInUse, KeyReused
from idempotency.keys import Answer, Key, check_key, fingerprint
from idempotency.models import Claim
from idempotency.services import Abandoned, answer_once, forget_old_keys, keep_answer, settle, take_over
from merchants.services import create_merchant
from tests.conftest import Books

pytestmark = pytest.mark.usefixtures("books")


@pytest.fixture
def key(books: Books) -> Key:
    return Key(create_merchant("A shop").merchant.pk, False, "k", "f", "req_1")


def claim(key: Key, **fields: Any) -> Claim:
    wanted = {
        "merchant_id": key.merchant_id,
        "livemode": key.livemode,
        "key": key.text,
        "fingerprint": key.fingerprint,
        "request_id": key.request_id,
        "owner": me(),
        "lease_until": timezone.now() + timedelta(minutes=1),
        "operation": "op_1",
        **fields,
    }
    return Claim.objects.create(**wanted)


def test_work_is_done_once_by_however_many_threads(key: Key) -> None:
    done: list[int] = []

    def work() -> dict[str, Any]:
        time.sleep(0.05)
        done.append(1)
        return {"n": len(done)}

    def ask(_: int) -> str:
        try:
            return answer_once(key, work).body
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        bodies = set(pool.map(ask, range(8)))
    assert (bodies, done) == ({'{"n":1}'}, [1])


def test_an_error_of_the_work_leaves_the_key_free(key: Key) -> None:
    def fail() -> dict[str, Any]:
        raise ValueError

    with pytest.raises(ValueError):
        answer_once(key, fail)
    assert settle(key) is None


def test_the_same_key_belongs_to_one_merchant_and_mode(key: Key) -> None:
    answer_once(key, lambda: {"n": 1})
    for other in (
        Key(create_merchant("Other").merchant.pk, False, "k", "f", "req_2"),
        Key(key.merchant_id, True, "k", "f", "req_3"),
    ):
        assert answer_once(other, lambda: {"n": 2}).body == '{"n":2}'


def test_a_living_owner_is_not_disturbed(key: Key) -> None:
    claim(key)
    with pytest.raises(KeyInUse):
        settle(key)


def test_a_dead_owners_claim_is_taken_over_once(key: Key) -> None:
    boot_and_namespace = me().rsplit("/", 2)[0]
    claim(key, owner=f"{boot_and_namespace}/4194304/1")
    abandoned = settle(key)
    assert isinstance(abandoned, Abandoned)
    assert take_over(abandoned)
    assert not take_over(abandoned)
    with pytest.raises(KeyInUse):
        settle(key)


def test_an_owner_elsewhere_is_taken_over_when_its_lease_ends(key: Key) -> None:
    held = claim(key, owner="another-machine/pid:[1]/1/1")
    with pytest.raises(KeyInUse):
        settle(key)
    Claim.objects.filter(pk=held.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert isinstance(settle(key), Abandoned)


def test_another_request_under_the_key_is_refused(key: Key) -> None:
    answer_once(key, dict)
    with pytest.raises(KeyReused):
        settle(Key(key.merchant_id, False, "k", "other", "req_2"))


def test_old_answers_are_forgotten_and_open_claims_are_not(key: Key) -> None:
    answer_once(key, dict)
    claim(Key(key.merchant_id, False, "open", "f", "req_2"))
    assert forget_old_keys(keep=timedelta(hours=1)) == 0
    assert forget_old_keys(keep=timedelta(0)) >= 1
    assert settle(key) is None
    with pytest.raises(KeyInUse):
        settle(Key(key.merchant_id, False, "open", "f", "req_2"))


def test_an_answer_is_kept_for_its_time_however_long_it_was_waited_for(key: Key) -> None:
    """The sweeper may end an operation after days: a retry days later replays it."""
    held = claim(key, created_at=timezone.now() - timedelta(days=5), owner="")
    keep_answer(held.pk, Answer(200, "{}"))
    forget_old_keys(keep=timedelta(hours=72))
    assert isinstance(settle(key), Answer)


def test_a_replay_names_the_first_request(key: Key) -> None:
    answer_once(key, dict)
    again = answer_once(Key(key.merchant_id, False, "k", "f", "req_later"), dict)
    assert again == Answer(200, "{}", replayed=True, original_request="req_1")


def test_order_and_encoding_of_parameters_do_not_matter() -> None:
    one = fingerprint("/v1/charges", {"amount": "100", "capture": "true", "metadata": {"a": "1", "b": "2"}})
    other = fingerprint("/v1/charges", {"metadata": {"b": 2, "a": 1}, "capture": True, "amount": 100})
    assert one == other
    assert one != fingerprint("/v1/refunds", {"amount": "100"})


@pytest.mark.parametrize("text", ["k" * 256, "a\nb", "a\x00"])
def test_a_key_that_no_header_should_hold_is_refused(text: str) -> None:
    from core.errors import InvalidRequest

    with pytest.raises(InvalidRequest):
        check_key(text)
