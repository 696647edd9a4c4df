"""Redis holds answers that were asked for again. It may forget, lie or be away: then PostgreSQL answers."""

import time
from typing import Any

import pytest
import redis
from django.conf import settings
from django.test import Client

from core.redis_line import forget_redis, redis_line
from idempotency import cache
from idempotency.keys import Answer, Key
from merchants.services import create_merchant
from tests.conftest import Books

pytestmark = pytest.mark.usefixtures("books")

FORM = "application/x-www-form-urlencoded"
KEY = Key(1, False, "k", "f", "req_1")
ANSWER = Answer(200, '{"id":"ch_1"}', original_request="req_0")


def recall(key: Key) -> Answer | None:
    answers = redis_line().ask(cache.question(key))
    return cache.answer_in(key, answers[0]) if answers else None


@pytest.fixture
def client(books: Books) -> Any:
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.flushdb()
    forget_redis()
    return client


def test_the_first_answer_stays_in_postgresql_and_its_replay_goes_to_redis(client: Any) -> None:
    headers = {
        "Authorization": f"Bearer {create_merchant('A shop').keys['sk_test']}",
        "Idempotency-Key": "k",
    }
    endpoint = "url=https://93.184.215.14/hooks&enabled_events[]=*"

    def ask() -> Any:
        return Client().post("/v1/webhook_endpoints", endpoint, content_type=FORM, headers=headers)

    replies, kept = [], []
    for _ in range(3):
        replies.append(ask())
        kept.append(len(client.keys("answer:*")))
    assert kept == [0, 1, 1]
    assert len({reply.content for reply in replies}) == 1
    assert [reply.headers.get("Idempotent-Replayed") for reply in replies] == [None, "true", "true"]


def test_what_is_kept_is_recalled_for_the_same_request_only(client: Any) -> None:
    assert recall(KEY) is None
    cache.remember(KEY, ANSWER)
    assert recall(KEY) == Answer(200, '{"id":"ch_1"}', replayed=True, original_request="req_0")
    assert recall(Key(1, False, "k", "other", "req_1")) is None
    assert recall(Key(1, True, "k", "f", "req_1")) is None


def test_connections_that_redis_has_cut_off_are_replaced(client: Any) -> None:
    cache.remember(KEY, ANSWER)
    assert recall(KEY) is not None
    client.client_kill_filter(_type="normal", skipme=True)
    assert recall(KEY) is not None


def test_an_answer_in_another_language_is_none(client: Any) -> None:
    client.set(KEY.cache_name, b"\xc1 what")
    assert recall(KEY) is None


def test_an_answer_that_was_sealed_elsewhere_or_for_another_key_is_none(client: Any, settings: Any) -> None:
    cache.remember(KEY, ANSWER)
    other = Key(1, False, "other", "f", "req_1")
    client.set(other.cache_name, client.get(KEY.cache_name))
    assert recall(other) is None
    settings.SECRET_KEY = "another gateway's"
    assert recall(KEY) is None


def test_an_old_copy_of_redis_counts_no_longer_than_its_answers_did(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.remember(KEY, ANSWER)
    later = time.time() + cache.KEEP_SECONDS + 1
    client.persist(KEY.cache_name)
    monkeypatch.setattr(time, "time", lambda: later)
    assert recall(KEY) is None


def test_an_error_of_redis_leaves_no_half_answer_behind(client: Any) -> None:
    client.lpush(KEY.cache_name, "a list")
    assert recall(KEY) is None
    client.flushdb()
    forget_redis()
    cache.remember(KEY, ANSWER)
    assert recall(KEY) is not None
