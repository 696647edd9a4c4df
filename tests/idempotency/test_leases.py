"""A living request keeps its claim for as long as it works; one that failed lets it go; one that lost it changes
nothing."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from core.processes import me
from idempotency.errors import KeyInUse
from idempotency.keys import Answer, Key
from idempotency.leases import _Keeper, at_work
from idempotency.models import Claim
from idempotency.services import Abandoned, is_ours, keep_refusal, settle, take, take_over
from merchants.services import create_merchant
from tests.conftest import Books
from tests.support.eventually import eventually

pytestmark = pytest.mark.usefixtures("books")


@pytest.fixture
def key(books: Books) -> Key:
    return Key(create_merchant("A shop").merchant.pk, False, "k", "f", "req_1")


def taken(key: Key) -> int:
    with transaction.atomic():
        return take(key, operation="op_1")


def test_a_slow_requests_lease_is_renewed_while_it_lives(key: Key, settings: Any) -> None:
    settings.IDEMPOTENCY_LEASE_SECONDS = 1.5
    claim = taken(key)
    keeper = _Keeper()
    keeper.hold(claim)
    until = time.monotonic() + 3
    while time.monotonic() < until:
        with pytest.raises(KeyInUse):
            settle(key)
        time.sleep(0.1)
    del keeper.held[claim]
    assert isinstance(eventually(lambda: abandoned(key), what="the lease's end"), Abandoned)


def abandoned(key: Key) -> Abandoned | None:
    try:
        found = settle(key)
    except KeyInUse:
        return None
    assert isinstance(found, Abandoned)
    return found


def test_work_that_fails_lets_its_claim_go_at_once(key: Key) -> None:
    claim = taken(key)
    with pytest.raises(ValueError), at_work(claim):
        raise ValueError
    assert eventually(lambda: abandoned(key), seconds=10, what="letting go")


def test_a_claim_that_was_taken_over_is_not_renewed_by_its_former_owner(key: Key) -> None:
    claim = taken(key)
    over = timezone.now() - timedelta(seconds=1)
    Claim.objects.filter(pk=claim).update(owner="elsewhere/pid:[1]/1/1", lease_until=over)
    keeper = _Keeper()
    keeper.held[claim] = float("-inf")
    keeper.given_up.add(claim)
    keeper.look_after()
    row = Claim.objects.get(pk=claim)
    assert (row.owner, row.lease_until) == ("elsewhere/pid:[1]/1/1", over)


def test_only_the_owner_of_an_open_claim_may_answer(key: Key) -> None:
    claim = taken(key)
    with transaction.atomic():
        assert is_ours(claim)
    Claim.objects.filter(pk=claim).update(owner="elsewhere/pid:[1]/1/1")
    with transaction.atomic():
        assert not is_ours(claim)


def test_a_claim_that_was_handed_on_since_is_not_taken_over(key: Key) -> None:
    claim = taken(key)
    Claim.objects.filter(pk=claim).update(owner="")
    seen = settle(key)
    assert isinstance(seen, Abandoned)
    Claim.objects.filter(pk=claim).update(operation="op_2")
    assert not take_over(seen)


def test_a_refusal_is_kept_once(key: Key) -> None:
    assert keep_refusal(key, Answer(400, "{}")) == Answer(400, "{}", original_request="req_1")
    later = Key(key.merchant_id, False, "k", "f", "req_2")
    assert keep_refusal(later, Answer(400, '{"other": 1}')) == Answer(
        400, "{}", replayed=True, original_request="req_1"
    )
    assert Claim.objects.get(merchant_id=key.merchant_id).owner != me()
