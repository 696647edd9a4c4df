"""Intents of their own, challenges, voids, expiry, late money: the columns."""

import django.db.models.deletion
import django_fsm
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("merchants", "0003_order_metadata_key"),
        ("payments", "0004_routing"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="operation",
            name="open_operations_have_a_next_attempt",
        ),
        migrations.AddField(
            model_name="charge",
            name="action_until",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="charge",
            name="capture_before",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="charge",
            name="late_of",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="late_successes",
                to="payments.charge",
            ),
        ),
        migrations.AddField(
            model_name="charge",
            name="next_look_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="charge",
            name="redirect_url",
            field=models.CharField(blank=True, db_default="", default="", max_length=2000),
        ),
        migrations.AddField(
            model_name="operation",
            name="cause",
            field=models.CharField(blank=True, db_default="", default="", max_length=12),
        ),
        migrations.AddField(
            model_name="operation",
            name="escalated_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="operation",
            name="shows",
            field=models.CharField(
                choices=[("charge", "Charge"), ("refund", "Refund"), ("payment_intent", "Intent")],
                db_default="charge",
                default="charge",
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="paymentintent",
            name="canceled_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="paymentintent",
            name="cancellation_reason",
            field=models.CharField(blank=True, db_default="", default="", max_length=40),
        ),
        migrations.AddField(
            model_name="paymentintent",
            name="capture_method",
            field=models.CharField(db_default="automatic", default="automatic", max_length=16),
        ),
        migrations.AddField(
            model_name="paymentintent",
            name="client_secret",
            field=models.CharField(blank=True, db_default="", default="", max_length=100),
        ),
        migrations.AddField(
            model_name="paymentintent",
            name="implicit",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="paymentintent",
            name="options",
            field=models.JSONField(db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name="paymentintent",
            name="order_held",
            field=models.CharField(max_length=255, null=True),
        ),
        migrations.AddField(
            model_name="paymentintent",
            name="order_reference",
            field=models.CharField(blank=True, db_default="", default="", max_length=255),
        ),
        migrations.AddField(
            model_name="paymentintent",
            name="payment_method",
            field=models.CharField(blank=True, db_default="", default="", max_length=60),
        ),
        migrations.AddField(
            model_name="paymentintent",
            name="receipt_email",
            field=models.CharField(blank=True, db_default="", default="", max_length=320),
        ),
        migrations.AddField(
            model_name="paymentintent",
            name="return_url",
            field=models.CharField(blank=True, db_default="", default="", max_length=2000),
        ),
        migrations.AddField(
            model_name="paymentintent",
            name="shipping",
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name="paymentintent",
            name="source",
            field=models.CharField(blank=True, db_default="", default="", max_length=60),
        ),
        migrations.AddField(
            model_name="paymentintent",
            name="statement_descriptor",
            field=models.CharField(blank=True, db_default="", default="", max_length=22),
        ),
        migrations.AddField(
            model_name="paymentintent",
            name="statement_descriptor_suffix",
            field=models.CharField(blank=True, db_default="", default="", max_length=22),
        ),
        migrations.AddField(
            model_name="refund",
            name="failure_balance_transaction",
            field=models.CharField(max_length=40, null=True),
        ),
        migrations.AddField(
            model_name="refund",
            name="voids",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AlterField(
            model_name="charge",
            name="state",
            field=django_fsm.FSMField(
                choices=[
                    ("created", "Created"),
                    ("processing", "Processing"),
                    ("requires_action", "Requires Action"),
                    ("authorized", "Authorized"),
                    ("captured", "Captured"),
                    ("failed", "Failed"),
                    ("voided", "Voided"),
                    ("expired", "Expired"),
                ],
                default="created",
                max_length=16,
                protected=True,
            ),
        ),
        migrations.AlterField(
            model_name="operation",
            name="kind",
            field=models.CharField(
                choices=[
                    ("sale", "Sale"),
                    ("authorize", "Authorize"),
                    ("complete", "Complete"),
                    ("capture", "Capture"),
                    ("void", "Void"),
                    ("refund", "Refund"),
                ],
                max_length=12,
            ),
        ),
        migrations.AlterField(
            model_name="operation",
            name="state",
            field=django_fsm.FSMField(
                choices=[
                    ("processing", "Processing"),
                    ("unknown", "Unknown"),
                    ("action_required", "Action Required"),
                    ("succeeded", "Succeeded"),
                    ("declined", "Declined"),
                    ("not_done", "Not Done"),
                ],
                default="processing",
                max_length=16,
                protected=True,
            ),
        ),
        migrations.AddIndex(
            model_name="charge",
            index=models.Index(
                condition=models.Q(("next_look_at__isnull", False)),
                fields=["next_look_at"],
                name="charges_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="charge",
            constraint=models.UniqueConstraint(
                condition=models.Q(("late_of__isnull", False)),
                fields=("late_of",),
                name="late_success_is_booked_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="charge",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("next_look_at", None), ("state__in", ["requires_action", "authorized"]), _connector="OR"
                ),
                name="waiting_charges_only_are_looked_after",
            ),
        ),
        migrations.AddConstraint(
            model_name="operation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("next_attempt_at__isnull", False), ("state__in", ["processing", "unknown"])),
                    models.Q(
                        ("next_attempt_at", None),
                        ("state__in", ["action_required", "succeeded", "declined", "not_done"]),
                    ),
                    _connector="OR",
                ),
                name="open_operations_have_a_next_attempt",
            ),
        ),
        migrations.AddConstraint(
            model_name="paymentintent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("order_held", None), ("order_reference", "")),
                    models.Q(
                        models.Q(("order_reference", ""), _negated=True),
                        models.Q(
                            models.Q(
                                ("order_held", models.F("order_reference")),
                                ("order_held__isnull", False),
                                (
                                    "state__in",
                                    ["processing", "requires_action", "requires_capture", "succeeded"],
                                ),
                            ),
                            models.Q(
                                models.Q(
                                    (
                                        "state__in",
                                        ["processing", "requires_action", "requires_capture", "succeeded"],
                                    ),
                                    _negated=True,
                                ),
                                ("order_held", None),
                            ),
                            _connector="OR",
                        ),
                    ),
                    _connector="OR",
                ),
                name="binding_intents_hold_their_order",
            ),
        ),
        migrations.AddConstraint(
            model_name="paymentintent",
            constraint=models.UniqueConstraint(
                condition=models.Q(("order_held__isnull", False)),
                fields=("merchant", "livemode", "order_held"),
                name="order_is_paid_once",
            ),
        ),
    ]
