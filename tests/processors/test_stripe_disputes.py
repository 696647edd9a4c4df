"""Disputes at Stripe: heard of, found, answered once."""

import json
from dataclasses import replace

import pytest

from core.ids import new_id
from processors.protocol import Declined, DisputeOrder, DisputeReport, EvidenceDocument, Unknown
from processors.stripe import StripeProcessor
from tests.processors.shop import AMOUNT, Shop
from tests.processors.stripe_server import StripeServer
from tests.processors.test_notifications import NOW, read, signature
from tests.vault.room import Merchant

SECONDS = {"timeout_seconds": 5.0}
SLIP = EvidenceDocument("file_1", "slip.pdf", "application/pdf", b"%PDF-1.4 \xff\x00 slip")


@pytest.fixture
def intent(merchant: Merchant, stripe_adapter: StripeProcessor, stripe_server: StripeServer) -> str:
    return Shop(merchant, stripe_adapter).sold()


def report_of(stripe_server: StripeServer, intent: str, **more: object) -> DisputeReport:
    dispute = stripe_server.books.open_dispute(intent, **more)
    return DisputeReport(dispute["id"], "needs_response", AMOUNT, "usd", "fraudulent", 1_790_600_000, "10.4")


def order(dispute: DisputeReport, **more: object) -> DisputeOrder:
    asked = DisputeOrder(new_id("dpo"), dispute.processor_id, {"customer_name": "Ada"})
    return replace(asked, **more)  # type: ignore[arg-type]


def test_a_dispute_names_its_payment_and_the_payment_names_our_reference(
    stripe_adapter: StripeProcessor, stripe_server: StripeServer, intent: str
) -> None:
    dispute = report_of(stripe_server, intent)
    reference = stripe_server.books.intents[intent]["metadata"]["tollgate_reference"]
    assert stripe_adapter.disputes(intent, **SECONDS) == (dispute,)
    assert stripe_adapter.look_up_dispute(dispute.processor_id, **SECONDS) == replace(
        dispute, reference=reference
    )
    since = stripe_adapter.recent_disputes(1_790_000_000, **SECONDS)
    assert since == (replace(dispute, reference=reference),)
    assert stripe_adapter.recent_disputes(1_790_000_001, **SECONDS) == ()


def test_a_notification_of_a_dispute_names_it_by_its_own_id(stripe_adapter: StripeProcessor) -> None:
    about = {"object": "dispute", "id": "dp_1", "payment_intent": "pi_1", "metadata": {}}
    event = {"id": "evt_1", "object": "event", "type": "charge.dispute.created", "data": {"object": about}}
    body = json.dumps(event)
    told = read(stripe_adapter, body, signature(body), now=NOW)
    assert (told.reference, told.dispute_id, told.kind) == ("", "dp_1", "charge.dispute.created")


def test_evidence_goes_with_its_files_and_once_however_often_it_is_sent(
    stripe_adapter: StripeProcessor, stripe_server: StripeServer, intent: str
) -> None:
    dispute = report_of(stripe_server, intent)
    asked = order(dispute, files={"receipt": SLIP})
    stripe_server.fault("POST", dispute.processor_id, done=True)
    assert isinstance(stripe_adapter.submit_evidence(asked, **SECONDS), Unknown)
    # As if days had gone by.
    stripe_server.books.forget_keys()
    said = stripe_adapter.submit_evidence(asked, **SECONDS)
    assert isinstance(said, DisputeReport)
    assert (said.state, said.submissions) == ("under_review", 1)
    kept = stripe_server.books.disputes[dispute.processor_id]["evidence"]
    assert kept["customer_name"] == "Ada"
    assert kept["receipt"].startswith("file_")
    (upload,) = stripe_server.called("POST", "/v1/files")
    assert SLIP.content in upload.fields["file"]
    assert b"dispute_evidence" in upload.fields["file"]


def test_accepting_loses(stripe_adapter: StripeProcessor, stripe_server: StripeServer, intent: str) -> None:
    said = stripe_adapter.accept_dispute(order(report_of(stripe_server, intent)), **SECONDS)
    assert isinstance(said, DisputeReport)
    assert said.state == "lost"


def test_what_stripe_refuses_is_refused_and_what_it_does_not_say_is_unknown(
    stripe_adapter: StripeProcessor, stripe_server: StripeServer, intent: str
) -> None:
    dispute = report_of(stripe_server, intent)
    error = {"error": {"type": "invalid_request_error", "code": "not_this_one"}}
    stripe_server.fault("POST", dispute.processor_id, 400, error)
    assert stripe_adapter.submit_evidence(order(dispute), **SECONDS) == Declined("not_this_one")
    for path in ("/v1/disputes", dispute.processor_id):
        stripe_server.fault("GET", path, 500, {})
    assert isinstance(stripe_adapter.disputes(intent, **SECONDS), Unknown)
    assert isinstance(stripe_adapter.accept_dispute(order(dispute), **SECONDS), Unknown)
    stripe_server.books.open_dispute(intent, status="prevented")
    assert isinstance(stripe_adapter.disputes(intent, **SECONDS), Unknown)
