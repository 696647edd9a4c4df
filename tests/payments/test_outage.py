"""One processor of two is out, with real processes: sales go on at the other, every web process leaves the broken one
alone, one payment finds out that it is back, and rules written meanwhile are followed."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from django.utils import timezone

from merchants.services import NewMerchant
from payments.models import Charge, ProcessorHealth, RoutingRule, TimelineEntry
from payments.routing import READ_SECONDS
from payments.services.breaker import MIN_FAILURES
from payments.services.routing_rules import place_rule
from tests.conftest import Books
from tests.support import processes
from tests.support.bank import Bank
from tests.support.client import Client
from tests.support.eventually import eventually


@dataclass(frozen=True)
class Shop:
    """A merchant that calls two web processes, and the two banks behind them."""

    one: Client
    two: Client
    first: Bank
    second: Bank


@pytest.fixture(scope="module")
def urls(books: Books) -> Iterator[tuple[list[str], list[str]]]:
    """Of two web processes and two banks."""
    with ExitStack() as stack:
        folders = [books.servers.folder / f"{books.name}_{number}" for number in range(2)]
        for folder in folders:
            folder.mkdir()
        banks = [processes.bank(folder) for folder in folders]
        vault = processes.vault(
            folders[0], books.servers.vault_environment(), banks=[bank.url for bank in banks]
        )
        environment = books.environment() | {
            "VAULT_URL": vault.url,
            "SANDBOX_BANK_URL": banks[0].url,
            "SANDBOX_TWO_BANK_URL": banks[1].url,
        }
        webs = [processes.web(folder, environment) for folder in folders]
        for process in (*banks, vault, *webs):
            stack.callback(process.stop)
            process.start()
        yield [web.url for web in webs], [bank.url for bank in banks]


@pytest.fixture
def market(urls: tuple[list[str], list[str]], shop: NewMerchant) -> Shop:
    webs, banks = urls
    for bank in banks:
        Bank(bank).behave()
    one, two = (Client(web, shop.keys["sk_test"]) for web in webs)
    first, second = map(Bank, banks)
    return Shop(one, two, first, second)


def sell(client: Client) -> Charge:
    answer = client.charge()
    assert answer.status == 200, answer.body
    return Charge.objects.get(public_id=answer.json()["id"])


def asked(bank: Bank) -> int:
    return sum(bank.counts()["calls"].values())


def reason(charge: Charge) -> str:
    started = TimelineEntry.objects.filter(charge=charge, kind="charge.started").get()
    return started.reason


def test_sales_go_on_while_one_of_two_processors_is_out(market: Shop) -> None:
    assert sell(market.one).processor == "sandbox"

    market.first.fault("refused")
    sold = [sell(market.one) for _ in range(MIN_FAILURES)]
    assert {(charge.processor, charge.state) for charge in sold} == {("sandbox_two", "captured")}
    assert ProcessorHealth.objects.get(processor="sandbox").state == "open"

    before = asked(market.first)
    left_alone = sell(market.one)
    assert "sandbox is left out: out of order" in reason(left_alone)
    # The other process hears of it within a second.
    eventually(lambda: "sandbox is left out" in reason(sell(market.two)), seconds=5)
    after = asked(market.first)
    assert [sell(client).processor for client in (market.one, market.two)] == ["sandbox_two"] * 2
    assert asked(market.first) == after
    assert after - before <= 2

    market.first.behave()
    ProcessorHealth.objects.filter(processor="sandbox").update(open_until=timezone.now())
    eventually(lambda: sell(market.two).processor == "sandbox", seconds=5)
    assert ProcessorHealth.objects.get(processor="sandbox").state == "closed"
    eventually(lambda: sell(market.one).processor == "sandbox", seconds=5)


def test_a_rule_that_is_written_while_serving_is_followed_by_every_process(market: Shop) -> None:
    rule = RoutingRule(
        livemode=False,
        name="All to two",
        card_brands=["visa"],
        targets=[{"processor": "sandbox_two", "percent": 100}],
    )
    place_rule(rule, position=1)

    def followed() -> bool:
        sold = [sell(client) for client in (market.one, market.two)]
        return {reason(charge) for charge in sold} == {"rule 1 'All to two': 100 % sandbox_two"}

    eventually(followed, seconds=READ_SECONDS + 5)
    assert sell(market.two).processor == "sandbox_two"
