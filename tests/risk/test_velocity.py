"""What was paid lately is counted right by all together; a Redis that forgot is filled again, and one that is away
is said to be."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.conf import settings
from django.utils import timezone

from core.ids import new_id
from core.redis_line import RedisLine, forget_redis
from merchants.models import Merchant
from merchants.services import create_merchant
from risk import aftermath, counter, velocity
from risk.aftermath import Outcome
from risk.counter import Uncounted
from risk.facts import Request, known
from risk.marks import DAY, HOUR, MINUTE, MOST, lines
from risk.models import Decision
from tests.conftest import Books
from tests.risk.test_guards import decided


@pytest.fixture
def merchant(books: Books) -> Iterator[Merchant]:
    """At a process that has never asked."""
    forget_redis()
    velocity.forget()
    yield create_merchant("A shop").merchant
    velocity.forget()
    forget_redis()


def asked(merchant: Merchant, **changes: Any) -> Request:
    given: dict[str, Any] = {
        "merchant_id": merchant.pk,
        "merchant": merchant.public_id,
        "livemode": True,
        "charge": new_id("ch"),
        "payment_intent": new_id("pi"),
        "once": new_id("key"),
        "amount_minor": 10_00,
        "currency": "usd",
        "capture": True,
        "card_fingerprint": "card1",
        "card_bin": "424242",
        "email": "jenny@example.com",
        "ip": "203.0.113.7",
        "device": "rse_1",
    }
    return Request(**given | changes)


def facts_of(request: Request) -> dict[str, Any]:
    return known(request, hour=12, amount_base=request.amount_minor)


def counted(request: Request, within: float = 10) -> dict[str, int]:
    return dict(velocity.counts(request, facts_of(request), within=within))


def written(merchant: Merchant, request: Request, **changes: Any) -> Decision:
    """The decision that a payment leaves."""
    return decided(
        merchant,
        livemode=request.livemode,
        charge=request.charge,
        once=velocity.mark_of(request.once),
        facts=facts_of(request),
        **changes,
    )


def test_attempts_amounts_and_different_cards_add_up_by_whoever_tries(merchant: Merchant) -> None:
    counted(asked(merchant))
    counted(asked(merchant, amount_minor=5_00, email="J.enny@example.com"))
    found = counted(asked(merchant, card_fingerprint="card2", email="JENNY+2@example.com"))
    assert found == {
        "card_attempts_10m": 1,
        "card_amount_base_1d": 10_00,
        "card_declines_1h": 0,
        "ip_attempts_10m": 3,
        "ip_cards_1h": 2,
        "ip_declines_1h": 0,
        "email_cards_1d": 2,
        "device_cards_1d": 2,
        "bin_declines_10m": 0,
    }
    again = counted(asked(merchant, amount_minor=1_00))
    assert (again["card_attempts_10m"], again["card_amount_base_1d"]) == (3, 16_00)
    assert counted(asked(create_merchant("Another").merchant))["ip_attempts_10m"] == 1
    assert counted(asked(merchant, livemode=False))["ip_attempts_10m"] == 1


def test_who_is_not_known_is_not_counted(merchant: Merchant) -> None:
    assert counted(asked(merchant, ip="", email="", device="", card_fingerprint="", card_bin="")) == {}


def test_a_request_that_is_repeated_is_counted_once(merchant: Merchant) -> None:
    request = asked(merchant)
    assert [counted(request)["card_attempts_10m"] for _ in range(3)] == [1, 1, 1]


def test_an_ipv6_customer_is_the_same_at_every_address_of_their_network(merchant: Merchant) -> None:
    counted(asked(merchant, ip="2001:db8:1:2::1"))
    assert counted(asked(merchant, ip="2001:db8:1:2:ffff::9"))["ip_attempts_10m"] == 2
    assert counted(asked(merchant, ip="2001:db8:1:3::1"))["ip_attempts_10m"] == 1


def test_declines_count_for_card_address_and_bin(merchant: Merchant) -> None:
    request = asked(merchant)
    counted(request)
    decision = written(merchant, request)
    for _ in range(2):
        velocity.count_decline(decision, at=timezone.now())
    found = counted(asked(merchant))
    assert (found["card_declines_1h"], found["ip_declines_1h"], found["bin_declines_10m"]) == (1, 1, 1)


@pytest.mark.parametrize(
    ("fact", "window"),
    [("card_attempts_10m", 10 * MINUTE), ("ip_cards_1h", HOUR), ("card_amount_base_1d", DAY)],
)
def test_windows_slide_and_end_to_the_millisecond(merchant: Merchant, fact: str, window: int) -> None:
    first, second = asked(merchant), asked(merchant, card_fingerprint="card1")
    now = int(time.time() * 1000)

    def reading(request: Request, moment: int) -> int:
        found = list(lines(facts_of(request), livemode=True, once=request.once, secret=counter.secret()))
        names = [read.fact for line in found for read in line.series.reads]
        return dict(zip(names, counter.count(found, at=moment)[1], strict=True))[fact]

    # A window before the present, so that the server does not forget what is older than a day on the way.
    then = now - window + 5_000
    one = reading(first, then)
    looked = list(lines(facts_of(second), livemode=True, once="", secret=counter.secret()))
    names = [read.fact for line in looked for read in line.series.reads]
    silent = [type(line)(line.series, line.name, "") for line in looked]

    def seen(moment: int) -> int:
        return dict(zip(names, counter.count(silent, at=moment)[1], strict=True))[fact]

    assert (seen(then + window - 1), seen(then + window)) == (one, 0)


def test_threads_at_once_are_each_counted(merchant: Merchant) -> None:
    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(lambda _: counted(asked(merchant))["ip_attempts_10m"], range(64)))
    assert sorted(found) == list(range(1, 65))


COUNTS = """
import sys, django
django.setup()
from tests.risk.test_velocity import asked, counted
from merchants.models import Merchant
merchant = Merchant.objects.get(public_id=sys.argv[1])
print(*(counted(asked(merchant))["ip_attempts_10m"] for _ in range(20)))
"""


def test_processes_at_once_are_each_counted(merchant: Merchant, books: Books) -> None:
    environment = books.environment() | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    others = [
        subprocess.Popen(
            [sys.executable, "-c", COUNTS, merchant.public_id],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    found = [int(number) for other in others for number in other.communicate(timeout=120)[0].split()]
    assert sorted(found) == list(range(1, 41))


def test_a_thousand_marks_are_kept_and_no_more(merchant: Merchant) -> None:
    found = list(lines(facts_of(asked(merchant)), livemode=True, once="x", secret=counter.secret()))
    now = int(time.time() * 1000)
    counter.leave(
        (now, [type(line)(line.series, line.name, f"{line.mark}{number}") for line in found])
        for number in range(MOST + 50)
    )
    assert counted(asked(merchant))["ip_attempts_10m"] == MOST


@pytest.mark.parametrize("loss", ["flushall", "script_flush"])
def test_a_redis_that_forgot_is_filled_again_before_anybody_is_told_a_number(
    merchant: Merchant, loss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, blocked, old = asked(merchant), asked(merchant, amount_minor=1_00), asked(merchant)
    counted(first)
    written(merchant, first)
    written(merchant, blocked, verdict="block", effective="block")
    written(merchant, old, created_at=timezone.now() - timedelta(hours=25))
    outcomes = dict.fromkeys([first.charge, blocked.charge], Outcome(paid=False, declined=True))
    monkeypatch.setattr(aftermath, "_known", [lambda charges: outcomes])
    client = redis.Redis.from_url(settings.REDIS_URL)
    getattr(client, loss)()
    if loss == "script_flush":
        # As after a start with an old snapshot: the sign is there, the marks are not.
        client.delete(*client.keys("risk:card:*"), *client.keys("risk:ip:*"), *client.keys("risk:bin:*"))
    found = counted(asked(merchant))
    assert (found["card_attempts_10m"], found["card_amount_base_1d"]) == (3, 21_00)
    # What was blocked was asked of no bank.
    assert (found["card_declines_1h"], found["ip_declines_1h"], found["bin_declines_10m"]) == (1, 1, 1)


def test_nobody_is_told_a_number_while_redis_is_being_filled(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted(asked(merchant))
    goes_on = threading.Event()
    fill = velocity.fill
    monkeypatch.setattr(velocity, "fill", lambda *given: (goes_on.wait(30), fill(*given))[1])
    redis.Redis.from_url(settings.REDIS_URL).flushall()
    with pytest.raises(Exception, match="no answer within"):
        counted(asked(merchant), within=0.05)
    goes_on.set()
    assert counted(asked(merchant))["card_attempts_10m"] == 2


def test_what_was_paid_while_redis_was_away_is_counted_when_it_is_back(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted(asked(merchant))
    lost = asked(merchant)
    with monkeypatch.context() as away:
        away.setattr(RedisLine, "ask", lambda *given: None)
        with pytest.raises(Uncounted, match="Redis is away"):
            counted(lost)
        declined = written(merchant, lost)
        velocity.count_decline(declined, at=timezone.now())
    monkeypatch.setattr(
        aftermath, "_known", [lambda charges: {lost.charge: Outcome(paid=False, declined=True)}]
    )
    found = counted(asked(merchant))
    assert (found["card_attempts_10m"], found["card_declines_1h"]) == (3, 1)
