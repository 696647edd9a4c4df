"""The kick: a hint in Redis, at no cost for whoever gives it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis

from gateway.addresses import free_port

pytestmark = pytest.mark.usefixtures("books")

ROOT = Path(__file__).resolve().parent.parent.parent
SETUP = "import os, time, django; django.setup(); from webhooks.kick import kick\n"


def run(program: str, environment: dict[str, str]) -> float:
    """The program's own last word: a number."""
    done = subprocess.run(
        [sys.executable, "-c", SETUP + program],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"} | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return float(done.stdout.split()[-1])


@pytest.fixture
def broker(books: Any) -> redis.Redis:
    client = redis.Redis.from_url(books.environment()["REDIS_URL"])
    client.delete("celery")
    return client


def test_many_kicks_become_few_messages(books: Any, broker: redis.Redis) -> None:
    run(
        "end = time.time() + 1\nwhile time.time() < end: kick(); time.sleep(0.0005)\ntime.sleep(0.5)\nprint(0)",
        books.environment(),
    )
    assert 2 <= broker.llen("celery") <= 13
    assert '"webhooks.relay"' in str(broker.lindex("celery", 0))


def test_a_forked_child_kicks_for_itself(books: Any, broker: redis.Redis) -> None:
    run(
        "kick(); time.sleep(0.5)\n"
        "if os.fork() == 0:\n"
        "    kick(); time.sleep(1); os._exit(0)\n"
        "os.wait(); print(0)",
        books.environment(),
    )
    assert broker.llen("celery") == 2


def test_an_absent_broker_neither_delays_nor_raises(books: Any) -> None:
    nowhere = {"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}
    slowest = run(
        "slowest = 0\n"
        "for _ in range(200):\n"
        "    start = time.perf_counter(); kick(); slowest = max(slowest, time.perf_counter() - start)\n"
        "    time.sleep(0.002)\n"
        "print(slowest)",
        books.environment() | nowhere,
    )
    assert slowest < 0.1


def test_the_broker_is_used_again_when_it_is_back(books: Any, broker: redis.Redis) -> None:
    """Connections are cut as by a restart of Redis; the hints after that arrive."""
    run(
        "import redis\n"
        "broker = redis.Redis.from_url(os.environ['REDIS_URL'])\n"
        "kick(); time.sleep(0.5)\n"
        "broker.client_kill_filter(_type='normal', skipme=True); broker.delete('celery')\n"
        "end = time.time() + 8\n"
        "while time.time() < end and not broker.llen('celery'): kick(); time.sleep(0.05)\n"
        "print(broker.llen('celery'))",
        books.environment(),
    )
    assert broker.llen("celery") >= 1
