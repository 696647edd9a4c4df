"""A payout that took two people: made by the same service as any other, under the approval's own key."""

import json

from controls.actions import Action
from controls.models import Approval
from core.money import display
from idempotency.keys import Key, fingerprint
from merchants.auth import staff_caller
from payments.services.payout import NewPayout, create_payout

NAME = "payout"


def carry_out(approval: Approval) -> str:
    """What came of the payout, in words. BalanceInsufficient where the money is not there any more."""
    merchant = approval.merchant
    assert merchant is not None and approval.livemode is not None and approval.amount_minor is not None
    said = {"destination": approval.subject, "amount": approval.amount_minor}
    answer = create_payout(
        caller=staff_caller(merchant, livemode=approval.livemode, username=approval.made_by),
        asked=NewPayout(
            amount_minor=approval.amount_minor,
            currency=approval.currency,
            destination=approval.subject,
            reason=approval.reason,
        ),
        key=Key(
            merchant_id=merchant.pk,
            livemode=approval.livemode,
            text=approval.public_id,
            fingerprint=fingerprint("/console/payouts", said),
            request_id="",
        ),
    )
    payout = json.loads(answer.body)
    return f"{payout['id']}, {display(payout['amount'], payout['currency'])}: {payout['status']}"


PAYOUT = Action(name=NAME, title="Payout", carry_out=carry_out, page="admin:payments_bankaccount_changelist")
