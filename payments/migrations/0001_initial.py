import functools

import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.datetime
import django_fsm
from django.db import migrations, models

import core.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("merchants", "0002_guards"),
    ]

    operations = [
        migrations.CreateModel(
            name="PaymentIntent",
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
                        default=functools.partial(core.ids.new_id, *("pi",), **{}),
                        editable=False,
                        max_length=40,
                    ),
                ),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[
                            ("requires_payment_method", "Requires Payment Method"),
                            ("requires_confirmation", "Requires Confirmation"),
                            ("processing", "Processing"),
                            ("requires_action", "Requires Action"),
                            ("requires_capture", "Requires Capture"),
                            ("succeeded", "Succeeded"),
                            ("canceled", "Canceled"),
                        ],
                        default="processing",
                        max_length=24,
                        protected=True,
                    ),
                ),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("description", models.CharField(blank=True, db_default="", default="", max_length=1000)),
                ("metadata", models.JSONField(db_default={}, default=dict)),
                (
                    "merchant",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="merchants.merchant"
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Charge",
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
                        default=functools.partial(core.ids.new_id, *("ch",), **{}),
                        editable=False,
                        max_length=40,
                    ),
                ),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[
                            ("created", "Created"),
                            ("processing", "Processing"),
                            ("authorized", "Authorized"),
                            ("captured", "Captured"),
                            ("failed", "Failed"),
                        ],
                        default="created",
                        max_length=16,
                        protected=True,
                    ),
                ),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("captured_minor", models.BigIntegerField(null=True)),
                ("fee_minor", models.BigIntegerField(null=True)),
                ("balance_transaction", models.CharField(max_length=40, null=True)),
                ("processor", models.CharField(max_length=40)),
                ("processor_id", models.TextField(blank=True, db_default="", default="")),
                (
                    "authorization_code",
                    models.CharField(blank=True, db_default="", default="", max_length=40),
                ),
                (
                    "network_transaction_id",
                    models.CharField(blank=True, db_default="", default="", max_length=100),
                ),
                ("source", models.CharField(max_length=60)),
                ("payment_method", models.CharField(max_length=60)),
                ("card_brand", models.CharField(blank=True, db_default="", default="", max_length=20)),
                ("card_last4", models.CharField(blank=True, db_default="", default="", max_length=4)),
                ("card_exp_month", models.PositiveSmallIntegerField(null=True)),
                ("card_exp_year", models.PositiveSmallIntegerField(null=True)),
                ("card_fingerprint", models.CharField(blank=True, db_default="", default="", max_length=64)),
                ("card_funding", models.CharField(blank=True, db_default="", default="", max_length=10)),
                ("card_country", models.CharField(blank=True, db_default="", default="", max_length=2)),
                ("card_checks", models.JSONField(db_default={}, default=dict)),
                ("billing_details", models.JSONField(db_default={}, default=dict)),
                ("failure_code", models.CharField(blank=True, db_default="", default="", max_length=60)),
                ("decline_code", models.CharField(blank=True, db_default="", default="", max_length=60)),
                ("failure_message", models.CharField(blank=True, db_default="", default="", max_length=500)),
                ("description", models.CharField(blank=True, db_default="", default="", max_length=1000)),
                ("metadata", models.JSONField(db_default={}, default=dict)),
                ("receipt_email", models.CharField(blank=True, db_default="", default="", max_length=320)),
                (
                    "statement_descriptor",
                    models.CharField(blank=True, db_default="", default="", max_length=22),
                ),
                (
                    "statement_descriptor_suffix",
                    models.CharField(blank=True, db_default="", default="", max_length=22),
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
                        related_name="charges",
                        to="payments.paymentintent",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Refund",
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
                        default=functools.partial(core.ids.new_id, *("re",), **{}),
                        editable=False,
                        max_length=40,
                    ),
                ),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[("pending", "Pending"), ("succeeded", "Succeeded"), ("failed", "Failed")],
                        default="pending",
                        max_length=16,
                        protected=True,
                    ),
                ),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("reason", models.CharField(blank=True, db_default="", default="", max_length=40)),
                ("metadata", models.JSONField(db_default={}, default=dict)),
                ("balance_transaction", models.CharField(max_length=40, null=True)),
                ("processor_id", models.TextField(blank=True, db_default="", default="")),
                ("failure_reason", models.CharField(blank=True, db_default="", default="", max_length=60)),
                (
                    "charge",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="refunds",
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
                        related_name="refunds",
                        to="payments.paymentintent",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Operation",
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
                        default=functools.partial(core.ids.new_id, *("op",), **{}),
                        editable=False,
                        max_length=40,
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("sale", "Sale"),
                            ("authorize", "Authorize"),
                            ("capture", "Capture"),
                            ("refund", "Refund"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[
                            ("processing", "Processing"),
                            ("unknown", "Unknown"),
                            ("succeeded", "Succeeded"),
                            ("declined", "Declined"),
                            ("not_done", "Not Done"),
                        ],
                        default="processing",
                        max_length=16,
                        protected=True,
                    ),
                ),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("processor", models.CharField(max_length=40)),
                ("deadline_at", models.DateTimeField()),
                ("next_attempt_at", models.DateTimeField(null=True)),
                ("attempts", models.PositiveIntegerField(db_default=0, default=0)),
                ("claim_id", models.BigIntegerField(null=True)),
                ("request_id", models.CharField(blank=True, db_default="", default="", max_length=40)),
                ("idempotency_key", models.CharField(blank=True, db_default="", default="", max_length=255)),
                ("actor", models.CharField(blank=True, db_default="", default="", max_length=100)),
                ("answer", models.JSONField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "charge",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="operations",
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
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="operations",
                        to="payments.paymentintent",
                    ),
                ),
                (
                    "refund",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="operations",
                        to="payments.refund",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="TimelineEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("livemode", models.BooleanField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("kind", models.CharField(max_length=40)),
                ("actor", models.CharField(blank=True, db_default="", default="", max_length=100)),
                ("reason", models.CharField(blank=True, db_default="", default="", max_length=500)),
                ("request_id", models.CharField(blank=True, db_default="", default="", max_length=40)),
                ("intent_state", models.CharField(blank=True, db_default="", default="", max_length=24)),
                ("charge_state", models.CharField(blank=True, db_default="", default="", max_length=16)),
                ("refund_state", models.CharField(blank=True, db_default="", default="", max_length=16)),
                ("operation_state", models.CharField(blank=True, db_default="", default="", max_length=16)),
                ("data", models.JSONField(db_default={}, default=dict)),
                (
                    "charge",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
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
                    "operation",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="payments.operation",
                    ),
                ),
                (
                    "payment_intent",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="timeline",
                        to="payments.paymentintent",
                    ),
                ),
                (
                    "refund",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="payments.refund",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="BalanceTransaction",
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
                        default=functools.partial(core.ids.new_id, *("txn",), **{}),
                        editable=False,
                        max_length=40,
                    ),
                ),
                (
                    "type",
                    models.CharField(
                        choices=[
                            ("charge", "Charge"),
                            ("refund", "Refund"),
                            ("refund_failure", "Refund Failure"),
                        ],
                        max_length=20,
                    ),
                ),
                ("source", models.CharField(max_length=40)),
                ("amount_minor", models.BigIntegerField()),
                ("fee_minor", models.BigIntegerField(db_default=0, default=0)),
                ("currency", models.CharField(max_length=3)),
                ("available_on", models.DateTimeField()),
                ("ledger_reference", models.CharField(max_length=100)),
                (
                    "merchant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="merchants.merchant",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "indexes": [
                    models.Index(fields=["merchant", "livemode", "id"], name="balances_of_merchant"),
                    django.contrib.postgres.indexes.BrinIndex(
                        autosummarize=True, fields=["created_at"], name="balances_by_day"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("public_id",), name="balance_transaction_once")
                ],
            },
        ),
        migrations.AddIndex(
            model_name="paymentintent",
            index=models.Index(fields=["merchant", "livemode", "id"], name="intents_of_merchant"),
        ),
        migrations.AddIndex(
            model_name="paymentintent",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=["created_at"], name="intents_by_day"
            ),
        ),
        migrations.AddConstraint(
            model_name="paymentintent",
            constraint=models.UniqueConstraint(fields=("public_id",), name="intent_once"),
        ),
        migrations.AddConstraint(
            model_name="paymentintent",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gt", 0)), name="intent_amount_is_positive"
            ),
        ),
        migrations.AddIndex(
            model_name="charge",
            index=models.Index(fields=["merchant", "livemode", "id"], name="charges_of_merchant"),
        ),
        migrations.AddIndex(
            model_name="charge",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=["created_at"], name="charges_by_day"
            ),
        ),
        migrations.AddConstraint(
            model_name="charge",
            constraint=models.UniqueConstraint(fields=("public_id",), name="charge_once"),
        ),
        migrations.AddConstraint(
            model_name="charge",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gt", 0)), name="charge_amount_is_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="charge",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("captured_minor", None),
                    models.Q(("captured_minor__gt", 0), ("captured_minor__lte", models.F("amount_minor"))),
                    _connector="OR",
                ),
                name="captured_is_at_most_authorized",
            ),
        ),
        migrations.AddConstraint(
            model_name="charge",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("captured_minor__isnull", False), ("state", "captured")),
                    models.Q(models.Q(("state", "captured"), _negated=True), ("captured_minor", None)),
                    _connector="OR",
                ),
                name="captured_charges_say_how_much",
            ),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(fields=["merchant", "livemode", "id"], name="refunds_of_merchant"),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=["created_at"], name="refunds_by_day"
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.UniqueConstraint(fields=("public_id",), name="refund_once"),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gt", 0)), name="refund_amount_is_positive"
            ),
        ),
        migrations.AddIndex(
            model_name="operation",
            index=models.Index(
                condition=models.Q(("next_attempt_at__isnull", False)),
                fields=["next_attempt_at"],
                name="operations_due",
            ),
        ),
        migrations.AddIndex(
            model_name="operation",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=["created_at"], name="operations_by_day"
            ),
        ),
        migrations.AddConstraint(
            model_name="operation",
            constraint=models.UniqueConstraint(fields=("public_id",), name="operation_once"),
        ),
        migrations.AddConstraint(
            model_name="operation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("next_attempt_at__isnull", False), ("state__in", ["processing", "unknown"])),
                    models.Q(("next_attempt_at", None), ("state__in", ["succeeded", "declined", "not_done"])),
                    _connector="OR",
                ),
                name="open_operations_have_a_next_attempt",
            ),
        ),
        migrations.AddConstraint(
            model_name="operation",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("state__in", ["processing", "unknown"]), models.Q(("kind", "refund"), _negated=True)
                ),
                fields=("charge",),
                name="one_open_operation_per_charge",
            ),
        ),
        migrations.AddIndex(
            model_name="timelineentry",
            index=models.Index(fields=["payment_intent", "id"], name="timeline_of_intent"),
        ),
    ]
