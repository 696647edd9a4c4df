"""A rule's step that took two people: done by the same service as any other, once, and only on the version as it was
when somebody asked."""

from controls.actions import Action, TwoPeople
from controls.approvals import Wish
from controls.models import Approval
from core.errors import InvalidRequest
from risk.models import RuleVersion
from risk.services.rules import move_version

NAME = "risk_rule"
State = RuleVersion.State
VERBS = {State.LIVE: "Enforce", State.RETIRED: "Retire"}
DONE = {
    State.SHADOW: "is asked with every payment from now on, and only written down",
    State.LIVE: "decides from now on",
    State.RETIRED: "is asked no more",
}


def takes_two(version: RuleVersion, state: str) -> bool:
    """What changes payments: a version that begins to decide, and one that decides no more."""
    return state == State.LIVE or (state == State.RETIRED and version.state == State.LIVE)


def wish(version: RuleVersion, state: str, *, tried: str = "") -> Wish:
    """In the words that whoever decides reads. `tried`: what a test against past payments has shown."""
    rule = version.rule
    whose = f"payments of {rule.merchant}" if rule.merchant else "every merchant's payments"
    verb, action = VERBS[State(state)], version.get_action_display()
    said = f"{verb} “{rule.name}”, version {version.number}: {action} {whose} where"
    return Wish(
        action=NAME,
        subject=rule.public_id,
        summary=" ".join(filter(None, [f"{said} {version.expression}", tried])),
        parameters={"version": version.pk, "from": version.state, "to": str(state)},
        livemode=rule.livemode,
        merchant_id=rule.merchant_id,
    )


def carry_out(approval: Approval) -> str:
    """What came of it, in words. InvalidRequest where the version was moved otherwise meanwhile."""
    asked = approval.parameters
    version = RuleVersion.objects.select_related("rule").get(pk=asked["version"])
    if version.state not in (asked["from"], asked["to"]):
        raise InvalidRequest(f"{version} is {version.state} meanwhile. Ask again.")
    moved = move_version(version.pk, asked["to"], actor=approval.made_by, reason=approval.reason)
    return told(moved)


def told(version: RuleVersion) -> str:
    return f"{version} {DONE[State(version.state)]}."


RISK_RULE = Action(
    name=NAME,
    title="Risk rule",
    carry_out=carry_out,
    page="admin:risk_rule_changelist",
    two_people=TwoPeople.SWITCHED,
)
