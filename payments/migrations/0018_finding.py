"""Indexes for whoever searches in the console, built while payments go on."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models.fields.json import KT
from django.db.models.functions import Lower


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("payments", "0017_evidence")]
    operations = [
        AddIndexConcurrently("charge", models.Index(fields=["amount_minor"], name="charges_by_amount")),
        AddIndexConcurrently("charge", models.Index(fields=["card_last4"], name="charges_by_last4")),
        AddIndexConcurrently(
            "charge",
            models.Index(
                condition=models.Q(("card_fingerprint", ""), _negated=True),
                fields=["card_fingerprint"],
                name="charges_by_card",
            ),
        ),
        AddIndexConcurrently(
            "charge",
            models.Index(
                Lower("receipt_email"),
                "id",
                condition=models.Q(("receipt_email", ""), _negated=True),
                name="charges_by_receipt_email",
            ),
        ),
        AddIndexConcurrently(
            "charge",
            models.Index(
                Lower(KT("billing_details__email")),
                "id",
                condition=models.Q(("billing_details__has_key", "email")),
                name="charges_by_billing_email",
            ),
        ),
        AddIndexConcurrently(
            "paymentintent",
            models.Index(
                condition=models.Q(("order_reference", ""), _negated=True),
                fields=["order_reference"],
                name="intents_by_order",
            ),
        ),
        AddIndexConcurrently("refund", models.Index(fields=["amount_minor"], name="refunds_by_amount")),
    ]
