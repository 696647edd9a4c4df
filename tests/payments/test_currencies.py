"""Currencies of 0, 2 and 3 decimals over HTTP, from the charge with its fee to the payout."""

import pytest

from merchants.services import NewMerchant
from payments.attempts import Actor
from payments.models import Operation
from payments.services.resume import resume_operation
from processors.protocol import Approved
from tests.payments.test_fees import plan_of
from tests.payments.test_intents_api import Api
from tests.payments.test_payouts import bank_account
from tests.support.scripted import ScriptedBank


@pytest.mark.parametrize(
    ("currency", "amount", "fee"),
    # 2.5 % and a fixed 30 JPY, 0.30 USD, 0.300 KWD; halves are rounded up.
    [("jpy", 5_020, 126 + 30), ("usd", 5_020, 126 + 30), ("kwd", 50_020, 1_251 + 300)],
)
def test_a_charge_its_fee_a_refund_and_a_payout(
    shop: NewMerchant, bank: ScriptedBank, currency: str, amount: int, fee: int
) -> None:
    plan_of(
        shop,
        {"share_millionths": 25_000, "fixed_minor": 300, "currencies": ["kwd"]},
        {"share_millionths": 25_000, "fixed_minor": 30},
    )
    bank_account(shop, currency)
    api = Api(shop.keys["sk_test"])
    bank.script.append(Approved("auth_1", amount, available_at_once=True))
    _, charge = api.post("charges", f"amount={amount}&currency={currency}&source=tok_visa")
    _, transaction = api.get(f"balance_transactions/{charge['balance_transaction']}")
    assert (transaction["amount"], transaction["fee"], transaction["net"]) == (amount, fee, amount - fee)
    _, back = api.post("refunds", f"charge={charge['id']}&amount=1020")
    assert (back["status"], back["amount"], back["currency"]) == ("succeeded", 1_020, currency)
    left = amount - fee - 1_020
    assert api.refused("payouts", f"amount={left + 1}&currency={currency}") == (
        400,
        "balance_insufficient",
        "amount",
    )
    _, payout = api.post("payouts", f"amount={left}&currency={currency}")
    resume_operation(Operation.objects.get(payout__public_id=payout["id"]).public_id, Actor("test"))
    assert api.get(f"payouts/{payout['id']}")[1]["status"] == "in_transit"
    _, balance = api.get("balance")
    assert [(part["amount"], part["currency"]) for part in balance["available"]] == [(0, currency)]
    assert balance["pending"][0]["amount"] == 0
