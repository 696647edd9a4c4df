"""Which processors a payment goes to, by the console's rules and the processors' health; and the adapters
themselves, built once per process from the settings."""

import functools
from collections.abc import Collection, Mapping
from typing import Any, cast

from django.conf import settings
from django.utils.module_loading import import_string

from core.errors import InvalidRequest
from core.remembered import Remembered
from payments import health, routes
from payments.errors import NoProcessor, ProcessorGone
from payments.models import RoutingRule
from payments.routes import Available, Facts, Route, Rule, Target
from processors.protocol import Processor
from processors.vault import VaultClient

# A changed rule is followed by every process within this time.
READ_SECONDS = 5.0


class NotServed(InvalidRequest):
    """Every processor of the mode is up, and none can take such a payment."""


def route(facts: Facts, *, seed: str) -> Route:
    """Where a payment goes: the first choice, then those to fail over to; the reason is for its timeline.

    `seed` is the intent's public id. Best outside of transactions, right before the payment is written: where
    the first choice is a broken processor that it is time to try again, this payment is the one that tries it.
    NoProcessor, or NotServed, where nobody can take it.
    """
    rules = _rules.get().get(facts.livemode, ())
    passed: set[str] = set()
    while True:
        available = availability(facts.livemode, busy=passed)
        chosen = routes.choose(facts, rules, available, seed)
        if not chosen.processors:
            raise _nobody(facts, available, chosen)
        first = chosen.processors[0]
        # Once refused it is blocked, and comes first again only where all are: then it is tried all the same.
        if first in passed or health.allows(first):
            return chosen
        passed.add(first)


def rules(*, livemode: bool) -> tuple[Rule, ...]:
    """The enabled rules of a mode as they are at this moment, in order."""
    return _read_rules().get(livemode, ())


def availability(livemode: bool, *, busy: Collection[str] = ()) -> list[Available]:
    """The processors of a mode in the order of the settings. `busy` are those that another payment just tries."""
    breakers = health.breakers()
    found = []
    for name, config in settings.PROCESSORS.items():
        if config["livemode"] != livemode:
            continue
        breaker = breakers.get(name) if breakers else None
        blocked = breaker.blocked if breaker else ""
        if not blocked and name in busy:
            blocked = "being tried by another payment"
        found.append(Available(name, processor(name).capabilities, blocked))
    return found


def check_configured(name: str) -> None:
    """ProcessorGone for a processor that is no longer set up, before anything is promised in its name."""
    if name not in settings.PROCESSORS:
        raise ProcessorGone(name)


def payout_processor(*, livemode: bool) -> str:
    """The first one of the mode that can pay out. NoProcessor."""
    for name, config in settings.PROCESSORS.items():
        if config["livemode"] == livemode and processor(name).capabilities.payouts:
            return name
    raise NoProcessor(livemode=livemode)


@functools.cache
def processor(name: str) -> Processor:
    """The adapter of that name. KeyError for one that is no longer configured."""
    config: dict[str, Any] = settings.PROCESSORS[name]
    return cast(
        Processor,
        import_string(config["adapter"])(name=name, vault=vault(), **config.get("options", {})),
    )


@functools.cache
def vault() -> VaultClient:
    return VaultClient(settings.VAULT_URL, settings.VAULT_SHARED_SECRET)


def rule_of(row: RoutingRule) -> Rule:
    """The rule that a row holds, ready to be asked."""
    return Rule(
        position=row.position,
        name=row.name,
        targets=tuple(Target(each["processor"], each["percent"]) for each in row.targets),
        merchant_id=row.merchant_id,
        currencies=frozenset(row.currencies),
        card_brands=frozenset(row.card_brands),
        card_countries=frozenset(row.card_countries),
        amount_from_minor=row.amount_from_minor,
        amount_to_minor=row.amount_to_minor,
    )


def _nobody(facts: Facts, available: list[Available], chosen: Route) -> InvalidRequest:
    if not available:
        return NoProcessor(livemode=facts.livemode)
    return NotServed(f"No processor can take this payment: {chosen.reason}.", param="currency")


def _read_rules() -> Mapping[bool, tuple[Rule, ...]]:
    found: dict[bool, list[Rule]] = {}
    for row in RoutingRule.objects.filter(enabled=True).order_by("position"):
        found.setdefault(row.livemode, []).append(rule_of(row))
    return {livemode: tuple(each) for livemode, each in found.items()}


_rules = Remembered(_read_rules, seconds=READ_SECONDS)
