"""A change of routing that took two people: placed by the same service as any other, once for each approval, and only
while the rule is as it was when somebody asked."""

from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType

from controls.actions import Action, TwoPeople
from controls.approvals import Wish
from controls.models import Approval
from core.db import in_transaction
from core.errors import InvalidRequest
from payments.models import RoutingRule
from payments.services.routing_rules import lock_rules, place_rule, remove_rule

NAME = "routing_rule"
SAID = ("name", "enabled", "merchant_id", "currencies", "card_brands", "card_countries", "targets")
AMOUNTS = ("amount_from_minor", "amount_to_minor")


def wish(rule: RoutingRule, summary: str, *, position: int | None) -> Wish:
    """What the rule shall say, at its place; without one it shall go. `summary` is what whoever decides reads."""
    return Wish(
        action=NAME,
        subject=rule.name,
        summary=summary,
        parameters={
            "rule": rule.pk,
            "as_of": rule.updated_at.isoformat() if rule.pk else None,
            "position": position,
            "said": {name: getattr(rule, name) for name in SAID + AMOUNTS},
        },
        livemode=rule.livemode,
        merchant_id=rule.merchant_id,
    )


@in_transaction
def carry_out(approval: Approval) -> str:
    """What came of it, in words. InvalidRequest where somebody else has changed the rule meanwhile."""
    lock_rules()
    history = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(RoutingRule))
    known = history.filter(change_message__endswith=f"({approval.public_id})").first()
    if known is not None:
        return known.get_change_message()
    rule, position = _rule(approval), approval.parameters["position"]
    number = rule.pk
    if position is None:
        remove_rule(rule)
    else:
        for name, value in approval.parameters["said"].items():
            setattr(rule, name, value)
        number = place_rule(rule, position=position).pk
    made = LogEntry.objects.create(
        user_id=approval.maker_id,
        content_type=ContentType.objects.get_for_model(RoutingRule),
        object_id=str(number),
        object_repr=rule.name,
        action_flag=CHANGE,
        change_message=f"{approval.summary} By {approval.made_by} ({approval.public_id})",
    )
    return made.get_change_message()


def _rule(approval: Approval) -> RoutingRule:
    asked: dict[str, Any] = approval.parameters
    if asked["rule"] is None:
        return RoutingRule(livemode=bool(approval.livemode))
    rule = RoutingRule.objects.filter(pk=asked["rule"]).first()
    if rule is None or rule.updated_at.isoformat() != asked["as_of"]:
        raise InvalidRequest(f"{approval.subject} was changed or removed meanwhile. Ask again.")
    return rule


ROUTING_RULE = Action(name=NAME, title="Routing rule", carry_out=carry_out, two_people=TwoPeople.SWITCHED)
