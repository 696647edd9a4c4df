"""The kick: a hint in Redis, at no cost for whoever gives it."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.webhooks.conftest import Shop
from tests.webhooks.receiver import Receiver

pytestmark = pytest.mark.usefixtures("books")

ROOT = Path(__file__).resolve().parent.parent.parent
SETUP = """
import os, time, django
django.setup()
import redis
from webhooks.kick import kick

def messages():
    return redis.Redis.from_url(os.environ["REDIS_URL"]).llen("celery")

def wait_for(number):
    end = time.time() + 30
    while messages() < number and time.time() < end:
        time.sleep(0.02)
"""


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
    seconds = run(
        "start = time.time()\n"
        "while time.time() < start + 1: kick(); time.sleep(0.0005)\n"
        "wait_for(1); time.sleep(0.5); print(time.time() - start)",
        books.environment(),
    )
    assert 1 <= broker.llen("celery") <= seconds * 10 + 1
    assert '"webhooks.relay"' in str(broker.lindex("celery", 0))


def test_a_forked_child_kicks_for_itself(books: Any, broker: redis.Redis) -> None:
    run(
        "kick(); wait_for(1)\nif os.fork() == 0:\n    kick(); wait_for(2); os._exit(0)\nos.wait(); print(0)",
        books.environment(),
    )
    assert broker.llen("celery") == 2


def test_a_broker_that_does_not_answer_holds_nobody_up(books: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        slowest = run(
            "slowest = 0\n"
            "for _ in range(500):\n"
            "    start = time.perf_counter(); kick(); slowest = max(slowest, time.perf_counter() - start)\n"
            "    time.sleep(0.002)\n"
            "print(slowest)",
            books.environment() | {"REDIS_URL": f"redis://127.0.0.1:{silent.getsockname()[1]}/0"},
        )
    assert slowest < 1


def test_the_broker_is_used_again_when_it_is_back(books: Any, broker: redis.Redis) -> None:
    """Connections are cut as by a restart of Redis; the hints after that arrive."""
    run(
        "broker = redis.Redis.from_url(os.environ['REDIS_URL'])\n"
        "kick(); wait_for(1)\n"
        "broker.client_kill_filter(_type='normal', skipme=True); broker.delete('celery')\n"
        "end = time.time() + 30\n"
        "while time.time() < end and not messages(): kick(); time.sleep(0.05)\n"
        "print(0)",
        books.environment(),
    )
    assert broker.llen("celery") >= 1


def test_a_relay_without_a_broker_does_its_work_and_says_so_once(
    books: Any, shop: Shop, receiver: Receiver
) -> None:
    """Nobody listens at the port that the task is told of; its hints to the senders are lost, no more."""
    shop.endpoint(receiver.url)
    program = (
        "import django; django.setup()\n"
        "from django.db import transaction\n"
        "from webhooks.services import record_event\n"
        "from webhooks.tasks import relay_task\n"
        "for number in range(3):\n"
        "    with transaction.atomic():\n"
        f"        record_event(merchant_id={shop.merchant.pk}, livemode=False, type='charge.updated', "
        "object_id='ch_1', data={})\n"
        "    print(relay_task())\n"
    )
    nowhere = {"REDIS_URL": "redis://127.0.0.1:9/0", "CELERY_BROKER_URL": "redis://127.0.0.1:9/0"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"} | books.environment() | nowhere,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.split() == ["1", "1", "1"]
    assert done.stderr.count("the broker can not be reached") == 1
    assert "Traceback" not in done.stderr
