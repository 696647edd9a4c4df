"""Changes routing rules. Each mode's rules stand in places 1, 2, 3 …; whoever puts one in moves the others on."""

from django.db import connection

from core.db import in_transaction
from payments.models import RoutingRule

# Any two changes of rules wait for each other. The number says "routing" to whoever reads pg_locks.
LOCK = 0x726F7574


@in_transaction
def place_rule(rule: RoutingRule, *, position: int) -> RoutingRule:
    """Saves the rule, new or changed, at a place in its mode; beyond the last one is the last."""
    others = _lock_others(rule)
    rule.position = max(1, min(position, len(others) + 1))
    rule.save()
    others.insert(rule.position - 1, rule)
    _number(others)
    return rule


@in_transaction
def remove_rule(rule: RoutingRule) -> None:
    """Takes the rule away; those behind it move up."""
    others = _lock_others(rule)
    RoutingRule.objects.filter(pk=rule.pk).delete()
    _number(others)


def lock_rules() -> None:
    """Until the transaction ends nobody else changes a rule."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def _lock_others(rule: RoutingRule) -> list[RoutingRule]:
    lock_rules()
    return list(RoutingRule.objects.filter(livemode=rule.livemode).exclude(pk=rule.pk).order_by("position"))


def _number(rules: list[RoutingRule]) -> None:
    """Gives each its place. The constraint on places is checked at the end of the transaction."""
    for place, rule in enumerate(rules, start=1):
        if rule.position != place:
            RoutingRule.objects.filter(pk=rule.pk).update(position=place)
