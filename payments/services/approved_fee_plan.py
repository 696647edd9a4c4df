"""A fee plan that took two people: made by the same service as any other, once for each approval."""

from collections.abc import Sequence
from typing import Any

from controls.actions import Action, TwoPeople
from controls.approvals import Wish
from controls.models import Approval
from core.errors import InvalidRequest
from merchants.models import Merchant
from payments.fees import checked_rules, in_words
from payments.services.fee_plans import set_fee_plan

NAME = "fee_plan"
STANDARD = "standard"


def wish(merchant: Merchant | None, rules: Sequence[dict[str, Any]], *, home_country: str) -> Wish:
    """What is asked for, in the words that whoever decides reads. InvalidRequest for what is no plan."""
    checked = checked_rules(rules, home_country=home_country)
    prices = "; ".join(in_words(rule, home_country) for rule in checked)
    whose = f"merchant {merchant}" if merchant else "merchants without a plan of their own"
    return Wish(
        action=NAME,
        subject=merchant.public_id if merchant else STANDARD,
        summary=f"New fees for {whose}: {prices}",
        parameters={"rules": list(rules), "home_country": home_country},
        merchant_id=merchant.pk if merchant else None,
    )


def carry_out(approval: Approval) -> str:
    """What came of it, in words."""
    if (approval.subject == STANDARD) != (approval.merchant is None):
        raise InvalidRequest(f"{approval.public_id} does not say whose fees it is about.")
    made = set_fee_plan(
        approval.merchant,
        approval.parameters["rules"],
        home_country=approval.parameters["home_country"],
        made_by=approval.made_by,
        reason=approval.reason,
        public_id=f"fp_{approval.public_id.partition('_')[2]}",
    )
    return f"{made.public_id}: {made}. It prices the charges that begin from now on."


FEE_PLAN = Action(
    name=NAME,
    title="Fee plan",
    carry_out=carry_out,
    page="admin:payments_feeplan_changelist",
    two_people=TwoPeople.ALWAYS,
)
