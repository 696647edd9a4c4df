"""A refund that took two people: made by the same service as any other, under the approval's own key."""

import json
from typing import Any

from controls.actions import Action
from controls.models import Approval
from core.money import display
from idempotency.keys import Key, fingerprint
from merchants.auth import staff_caller
from payments.services.refund import NewRefund, create_refund

NAME = "refund"


def carry_out(approval: Approval) -> str:
    """What came of the refund, in words. RefundRefused where the charge does not allow it any more."""
    merchant = approval.merchant
    assert merchant is not None and approval.livemode is not None
    said: dict[str, Any] = {
        "charge": approval.subject,
        "amount": approval.amount_minor,
        **approval.parameters,
    }
    answer = create_refund(
        caller=staff_caller(merchant, livemode=approval.livemode, username=approval.made_by),
        asked=NewRefund(
            charge=approval.subject,
            amount_minor=approval.amount_minor,
            reason=approval.parameters.get("reason", ""),
        ),
        key=Key(
            merchant_id=merchant.pk,
            livemode=approval.livemode,
            text=approval.public_id,
            fingerprint=fingerprint("/console/refunds", said),
            request_id="",
        ),
    )
    refund = json.loads(answer.body)
    return f"{refund['id']}, {display(refund['amount'], refund['currency'])}: {refund['status']}"


REFUND = Action(name=NAME, title="Refund", carry_out=carry_out, page="admin:payments_charge_changelist")
