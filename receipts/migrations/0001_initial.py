"""Receipts by email: who wants them, and what became of each."""

import functools

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import core.ids
from core.append_only import forward_only


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("merchants", "0003_order_metadata_key"),
        ("payments", "0008_available"),
    ]

    operations = [
        migrations.CreateModel(
            name="ReceiptSetting",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "enabled",
                    models.BooleanField(db_default=False, default=False, verbose_name="send receipts"),
                ),
                (
                    "language",
                    models.CharField(
                        choices=[("en", "English"), ("de", "Deutsch")],
                        db_default="en",
                        default="en",
                        max_length=2,
                    ),
                ),
                (
                    "test_mode",
                    models.BooleanField(db_default=False, default=False, verbose_name="in test mode too"),
                ),
                ("position", models.BigIntegerField(db_default=0, default=0, editable=False)),
                (
                    "merchant",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="receipts",
                        to="merchants.merchant",
                    ),
                ),
            ],
            options={
                "db_table": "receipts_setting",
            },
        ),
        migrations.CreateModel(
            name="Receipt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("public_id", models.TextField(default=functools.partial(core.ids.new_id, *("rcpt",), **{}))),
                ("livemode", models.BooleanField()),
                (
                    "kind",
                    models.CharField(choices=[("payment", "Payment"), ("refund", "Refund")], max_length=7),
                ),
                ("object_id", models.TextField()),
                ("email", models.TextField()),
                ("language", models.CharField(choices=[("en", "English"), ("de", "Deutsch")], max_length=2)),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                (
                    "state",
                    models.CharField(
                        choices=[("pending", "Pending"), ("sent", "Sent"), ("failed", "Failed")],
                        db_default="pending",
                        default="pending",
                        max_length=7,
                    ),
                ),
                ("failures", models.PositiveIntegerField(db_default=0, default=0)),
                (
                    "next_attempt_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), null=True),
                ),
                ("lease_until", models.DateTimeField(null=True)),
                ("give_up_at", models.DateTimeField(null=True)),
                ("last_error", models.TextField(db_default="", default="")),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("sent_at", models.DateTimeField(null=True)),
                (
                    "charge",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="payments.charge"
                    ),
                ),
                (
                    "merchant",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="merchants.merchant"
                    ),
                ),
            ],
            options={
                "db_table": "receipts_receipt",
                "indexes": [
                    models.Index(
                        condition=models.Q(("next_attempt_at__isnull", False)),
                        fields=["next_attempt_at"],
                        name="receipts_due",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("public_id",), name="receipt_ids_are_unique"),
                    models.UniqueConstraint(
                        fields=("object_id", "kind"), name="one_receipt_per_object_and_kind"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("next_attempt_at__isnull", False), ("state", "pending")),
                            models.Q(("next_attempt_at", None), ("state__in", ["sent", "failed"])),
                            _connector="OR",
                        ),
                        name="pending_receipts_have_a_due_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("sent_at__isnull", False), ("state", "sent")),
                            models.Q(models.Q(("state", "sent"), _negated=True), ("sent_at", None)),
                            _connector="OR",
                        ),
                        name="sent_receipts_say_when",
                    ),
                ],
            },
        ),
        forward_only(
            "receipts_receipt",
            births=["pending"],
            # What failed is tried again when somebody asks for it.
            moves=[("pending", "sent"), ("pending", "failed"), ("failed", "pending")],
            frozen=[
                "public_id",
                "merchant_id",
                "livemode",
                "kind",
                "object_id",
                "charge_id",
                "amount_minor",
                "currency",
            ],
        ),
    ]
