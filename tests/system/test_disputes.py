"""Disputes through the official SDK: bank, vault, web, worker and beat are real processes."""

from typing import Any

import pytest
import stripe
from stripe import StripeClient

from merchants.services import NewMerchant
from tests.support.bank import Bank
from tests.support.eventually import eventually
from tests.support.processes import System
from webhooks.models import Event


@pytest.fixture
def client(system: System, shop: NewMerchant) -> StripeClient:
    return StripeClient(shop.keys["sk_test"], base_addresses={"api": system.web.url}, max_network_retries=0)


def disputed(client: StripeClient, source: str = "tok_createDispute") -> stripe.Dispute:
    charge = client.v1.charges.create({"amount": 2_000, "currency": "usd", "source": source})
    return eventually(lambda: client.v1.disputes.list({"charge": charge.id}).data)[0]


def state(client: StripeClient, dispute: stripe.Dispute) -> str:
    return client.v1.disputes.retrieve(dispute.id).status


def test_a_dispute_is_answered_and_won(client: StripeClient, bank: Bank) -> None:
    dispute = disputed(client)
    assert (dispute.status, dispute.reason, dispute.amount) == ("needs_response", "fraudulent", 2_000)
    assert not dispute.is_charge_refundable
    (taken,) = dispute.balance_transactions
    assert (taken.amount, taken.fee, taken.net, taken.type, taken.reporting_category) == (
        *(-2_000, 1_500, -3_500),
        *("adjustment", "dispute"),
    )
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create({"charge": str(dispute.charge)})
    assert refused.value.code == "charge_disputed"
    noted = client.v1.disputes.update(
        dispute.id, {"evidence": {"customer_name": "Ada"}, "metadata": {"case": "7"}}
    )
    assert (noted.evidence.customer_name, noted.metadata["case"]) == ("Ada", "7")
    assert (noted.status, noted.evidence_details.submission_count) == ("needs_response", 0)
    sent = client.v1.disputes.update(
        dispute.id, {"evidence": {"uncategorized_text": "winning_evidence"}, "submit": True}
    )
    assert (sent.status, sent.evidence_details.submission_count) == ("under_review", 1)
    eventually(lambda: state(client, dispute) == "won")
    won = client.v1.disputes.retrieve(dispute.id, {"expand": ["charge", "payment_intent"]})
    assert [row.reporting_category for row in won.balance_transactions] == ["dispute", "dispute_reversal"]
    assert won.charge.disputed  # type: ignore[union-attr]  # it is expanded
    told = [event.type for event in Event.objects.filter(object_id=dispute.id).order_by("pk")]
    assert told[:2] == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
    assert told[-2:] == ["charge.dispute.closed", "charge.dispute.funds_reinstated"]
    assert client.v1.refunds.create({"charge": str(dispute.charge)}).status == "succeeded"


def test_a_dispute_is_closed_and_lost(client: StripeClient) -> None:
    dispute = disputed(client, "tok_createDisputeProductNotReceived")
    assert client.v1.disputes.close(dispute.id).status == "lost"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.disputes.close(dispute.id)


def test_an_inquiry_takes_no_money(client: StripeClient) -> None:
    dispute = disputed(client, "tok_createDisputeInquiry")
    assert (dispute.status, dispute.balance_transactions) == ("warning_needs_response", [])
    assert dispute.is_charge_refundable


@pytest.mark.parametrize("mode", ["duplicated", "out_of_order", "before_answer"])
def test_news_may_come_in_any_way(client: StripeClient, bank: Bank, mode: str) -> None:
    bank.notify(mode, **({"seconds": 1} if mode == "out_of_order" else {}))  # type: ignore[arg-type]
    dispute = disputed(client)
    client.v1.disputes.update(
        dispute.id, {"evidence": {"uncategorized_text": "losing_evidence"}, "submit": True}
    )
    eventually(lambda: state(client, dispute) == "lost")
    assert len(client.v1.disputes.list({"charge": str(dispute.charge)}).data) == 1
    assert [row.net for row in client.v1.disputes.retrieve(dispute.id).balance_transactions] == [-3_500]


def test_evidence_that_is_none_is_refused_by_name(client: StripeClient) -> None:
    dispute = disputed(client)
    unknown: Any = {"evidence": {"colour": "red"}}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.disputes.update(dispute.id, unknown)
    assert refused.value.param == "evidence[colour]"
