"""Disputes, and where they show: on their charge, in its timeline, in the merchant's balance."""

import functools

import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.datetime
import django_fsm
from django.db import migrations, models

import core.ids


class Migration(migrations.Migration):
    dependencies = [
        ("merchants", "0003_order_metadata_key"),
        ("payments", "0010_payout_guards"),
    ]

    operations = [
        migrations.AddField(
            model_name="charge",
            name="disputed",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddField(
            model_name="timelineentry",
            name="dispute_state",
            field=models.CharField(blank=True, db_default="", default="", max_length=24),
        ),
        migrations.CreateModel(
            name="Dispute",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("livemode", models.BooleanField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "public_id",
                    models.CharField(
                        default=functools.partial(core.ids.new_id, *("dp",), **{}),
                        editable=False,
                        max_length=40,
                    ),
                ),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[
                            ("warning_needs_response", "Warning Needs Response"),
                            ("warning_under_review", "Warning Under Review"),
                            ("warning_closed", "Warning Closed"),
                            ("needs_response", "Needs Response"),
                            ("under_review", "Under Review"),
                            ("won", "Won"),
                            ("lost", "Lost"),
                        ],
                        default="needs_response",
                        max_length=24,
                        protected=True,
                    ),
                ),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("reason", models.CharField(blank=True, db_default="", default="", max_length=60)),
                (
                    "network_reason_code",
                    models.CharField(blank=True, db_default="", default="", max_length=20),
                ),
                ("processor", models.CharField(max_length=40)),
                ("processor_id", models.TextField()),
                ("due_by", models.DateTimeField(null=True)),
                ("evidence", models.JSONField(db_default={}, default=dict)),
                ("metadata", models.JSONField(db_default={}, default=dict)),
                ("submissions", models.PositiveIntegerField(db_default=0, default=0)),
                ("fee_minor", models.BigIntegerField(null=True)),
                ("balance_transaction", models.CharField(max_length=40, null=True)),
                ("reversal_balance_transaction", models.CharField(max_length=40, null=True)),
                ("wanted", models.CharField(blank=True, db_default="", default="", max_length=8)),
                ("wanted_reference", models.CharField(blank=True, db_default="", default="", max_length=64)),
                ("next_look_at", models.DateTimeField(null=True)),
                ("looks", models.PositiveIntegerField(db_default=0, default=0)),
                (
                    "charge",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="disputes",
                        to="payments.charge",
                    ),
                ),
                (
                    "merchant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="merchants.merchant",
                    ),
                ),
                (
                    "payment_intent",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="disputes",
                        to="payments.paymentintent",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.AddField(
            model_name="timelineentry",
            name="dispute",
            field=models.ForeignKey(
                db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to="payments.dispute"
            ),
        ),
        migrations.AddIndex(
            model_name="dispute",
            index=models.Index(fields=["merchant", "livemode", "id"], name="disputes_of_merchant"),
        ),
        migrations.AddIndex(
            model_name="dispute",
            index=models.Index(
                condition=models.Q(("next_look_at__isnull", False)),
                fields=["next_look_at"],
                name="disputes_due",
            ),
        ),
        migrations.AddIndex(
            model_name="dispute",
            index=models.Index(
                condition=models.Q(("state__in", ["warning_needs_response", "needs_response"])),
                fields=["due_by"],
                name="disputes_by_deadline",
            ),
        ),
        migrations.AddIndex(
            model_name="dispute",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=["created_at"], name="disputes_by_day"
            ),
        ),
        migrations.AddConstraint(
            model_name="dispute",
            constraint=models.UniqueConstraint(fields=("public_id",), name="dispute_once"),
        ),
        migrations.AddConstraint(
            model_name="dispute",
            constraint=models.UniqueConstraint(
                fields=("processor", "processor_id"), name="dispute_is_booked_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="dispute",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gt", 0)), name="dispute_amount_is_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="dispute",
            constraint=models.CheckConstraint(
                condition=models.Q(("fee_minor", None), ("fee_minor__gte", 0), _connector="OR"),
                name="dispute_fee_is_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="dispute",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("balance_transaction", None),
                        ("fee_minor", None),
                        ("reversal_balance_transaction", None),
                        ("state__startswith", "warning_"),
                    ),
                    models.Q(
                        ("balance_transaction__isnull", False),
                        ("fee_minor__isnull", False),
                        ("reversal_balance_transaction__isnull", False),
                        ("state", "won"),
                    ),
                    models.Q(
                        ("balance_transaction__isnull", False),
                        ("fee_minor__isnull", False),
                        ("reversal_balance_transaction", None),
                        ("state__in", ["needs_response", "under_review", "lost"]),
                    ),
                    _connector="OR",
                ),
                name="disputed_money_is_booked",
            ),
        ),
        migrations.AddConstraint(
            model_name="dispute",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("next_look_at", None),
                        ("state__in", ["warning_closed", "won", "lost"]),
                        ("wanted", ""),
                    ),
                    models.Q(
                        models.Q(("state__in", ["warning_closed", "won", "lost"]), _negated=True),
                        ("next_look_at__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="open_disputes_are_looked_after",
            ),
        ),
        migrations.AddConstraint(
            model_name="dispute",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("wanted", ""), ("wanted_reference", "")),
                    models.Q(
                        ("wanted__in", ["submit", "accept"]),
                        models.Q(("wanted_reference", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="wanted_orders_have_a_reference",
            ),
        ),
    ]
