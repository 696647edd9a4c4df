"""From the commit to the receiver through a real Celery worker, without waiting for beat."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.webhooks.conftest import Shop
from tests.webhooks.receiver import Receiver

pytestmark = pytest.mark.usefixtures("books")

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def environment(books: Any) -> dict[str, str]:
    return {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", **books.environment()}


@pytest.fixture
def worker(environment: dict[str, str]) -> Iterator[None]:
    options = ["--pool", "threads", "--concurrency", "4", "--without-gossip", "--without-mingle"]
    process = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "gateway", "worker", *options],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    yield
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def test_a_kick_brings_the_event_to_its_receiver(
    worker: None, environment: dict[str, str], shop: Shop, receiver: Receiver
) -> None:
    endpoint = shop.endpoint(receiver.url)
    event = shop.event()
    program = "import time, django; django.setup()\nfrom webhooks.kick import kick\nkick(); time.sleep(0.5)"
    end = time.monotonic() + 40
    while not receiver.received and time.monotonic() < end:
        # A hint expires: until the worker has started, it is given again.
        subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, check=True)
    assert receiver.received[0].event(endpoint.secret).id == event.public_id
