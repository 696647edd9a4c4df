"""Decisions, reviews, and what each merchant wants done with verdicts."""

import functools

import django.contrib.postgres.indexes
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
import django_fsm
from django.db import migrations, models

import core.ids
from core.append_only import analyzed_late, append_only, forward_only, trigger_function

REVIEW_OF_A_DECISION = [
    trigger_function(
        "risk_review_born",
        """
        BEGIN
            PERFORM FROM here.risk_decision WHERE id = NEW.decision_id AND merchant_id = NEW.merchant_id
                AND livemode = NEW.livemode AND payment_intent = NEW.payment_intent;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'review % is of no decision of its payment %', NEW.public_id, NEW.payment_intent
                    USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END
        """,
    ),
    """
    CREATE TRIGGER of_a_decision BEFORE INSERT ON risk_review
        FOR EACH ROW EXECUTE FUNCTION risk_review_born();
    """,
]
UNDO_REVIEW_OF_A_DECISION = """
DROP TRIGGER of_a_decision ON risk_review;
DROP FUNCTION risk_review_born();
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("merchants", "0006_keys_await_approval"),
    ]

    operations = [
        migrations.CreateModel(
            name="Decision",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("livemode", models.BooleanField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("charge", models.CharField(max_length=40)),
                ("payment_intent", models.CharField(max_length=40)),
                ("facts", models.JSONField()),
                ("results", models.JSONField(db_default=[], default=list)),
                ("lists", models.JSONField(db_default=[], default=list)),
                ("score", models.SmallIntegerField(db_default=-1, default=-1)),
                ("model", models.CharField(blank=True, db_default="", default="", max_length=40)),
                ("engine", models.PositiveSmallIntegerField(db_default=1, default=1)),
                (
                    "verdict",
                    models.CharField(
                        choices=[
                            ("allow", "Allow"),
                            ("challenge", "Ask for 3-D Secure"),
                            ("review", "Review by a person"),
                            ("block", "Block"),
                        ],
                        max_length=9,
                    ),
                ),
                (
                    "effective",
                    models.CharField(
                        choices=[
                            ("allow", "Allow"),
                            ("challenge", "Ask for 3-D Secure"),
                            ("review", "Review by a person"),
                            ("block", "Block"),
                        ],
                        max_length=9,
                    ),
                ),
                ("enforced", models.BooleanField()),
                (
                    "level",
                    models.CharField(
                        choices=[
                            ("normal", "Normal"),
                            ("elevated", "Elevated"),
                            ("highest", "Highest"),
                            ("not_assessed", "Not Assessed"),
                        ],
                        default="not_assessed",
                        max_length=12,
                    ),
                ),
                ("rule", models.CharField(blank=True, db_default="", default="", max_length=40)),
                ("reason", models.CharField(blank=True, db_default="", default="", max_length=500)),
                ("fault", models.CharField(blank=True, db_default="", default="", max_length=500)),
                ("on_fault", models.CharField(blank=True, db_default="", default="", max_length=6)),
                ("took_microseconds", models.PositiveIntegerField()),
                (
                    "merchant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="merchants.merchant",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Review",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "public_id",
                    models.CharField(
                        default=functools.partial(core.ids.new_id, *("prv",), **{}),
                        editable=False,
                        max_length=40,
                        unique=True,
                    ),
                ),
                ("livemode", models.BooleanField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("charge", models.CharField(max_length=40)),
                ("payment_intent", models.CharField(max_length=40)),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[
                            ("open", "Open"),
                            ("approved", "Approved"),
                            ("rejected", "Rejected"),
                            ("expired", "Expired"),
                            ("closed", "Closed"),
                        ],
                        default="open",
                        max_length=8,
                        protected=True,
                    ),
                ),
                ("captures", models.BooleanField()),
                ("due_at", models.DateTimeField()),
                (
                    "at_deadline",
                    models.CharField(choices=[("approve", "Approve"), ("reject", "Reject")], max_length=7),
                ),
                ("next_look_at", models.DateTimeField(null=True)),
                ("closed_at", models.DateTimeField(null=True)),
                (
                    "closed_reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("approved", "Approved"),
                            ("refunded", "Refunded"),
                            ("refunded_as_fraud", "Refunded As Fraud"),
                            ("canceled", "Canceled"),
                        ],
                        db_default="",
                        default="",
                        max_length=20,
                    ),
                ),
                ("closed_by", models.CharField(blank=True, db_default="", default="", max_length=100)),
                ("note", models.CharField(blank=True, db_default="", default="", max_length=500)),
                (
                    "decision",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reviews",
                        to="risk.decision",
                    ),
                ),
                (
                    "merchant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="merchants.merchant",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RiskSettings",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("livemode", models.BooleanField()),
                ("enforced", models.BooleanField()),
                (
                    "on_fault",
                    models.CharField(
                        choices=[
                            ("open", "Let it through"),
                            ("closed", "Block it"),
                            ("review", "Hold it for review"),
                        ],
                        db_default="open",
                        default="open",
                        max_length=6,
                    ),
                ),
                (
                    "review_hours",
                    models.PositiveSmallIntegerField(
                        db_default=24,
                        default=24,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(144),
                        ],
                    ),
                ),
                (
                    "review_end",
                    models.CharField(
                        choices=[("approve", "Approve"), ("reject", "Reject")],
                        db_default="reject",
                        default="reject",
                        max_length=7,
                    ),
                ),
                (
                    "merchant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="risk_settings",
                        to="merchants.merchant",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "risk settings",
            },
        ),
        migrations.AddIndex(
            model_name="decision",
            index=models.Index(fields=["merchant", "livemode", "id"], name="decisions_of_merchant"),
        ),
        migrations.AddIndex(
            model_name="decision",
            index=models.Index(
                condition=models.Q(("verdict", "allow"), _negated=True),
                fields=["verdict", "id"],
                name="decisions_not_to_allow",
            ),
        ),
        migrations.AddIndex(
            model_name="decision",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=["created_at"], name="decisions_by_day"
            ),
        ),
        migrations.AddConstraint(
            model_name="decision",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("effective", "allow"), ("enforced", False)),
                    models.Q(("effective", models.F("verdict")), ("enforced", True)),
                    _connector="OR",
                ),
                name="enforced_decisions_are_carried_out",
            ),
        ),
        migrations.AddConstraint(
            model_name="decision",
            constraint=models.CheckConstraint(
                condition=models.Q(("score__range", (-1, 99))), name="scores_are_below_100"
            ),
        ),
        migrations.AddConstraint(
            model_name="decision",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("fault", ""), ("on_fault", "")),
                    models.Q(
                        models.Q(("fault", ""), _negated=True), models.Q(("on_fault", ""), _negated=True)
                    ),
                    _connector="OR",
                ),
                name="faults_name_what_was_declared",
            ),
        ),
        migrations.AddIndex(
            model_name="review",
            index=models.Index(fields=["merchant", "livemode", "id"], name="reviews_of_merchant"),
        ),
        migrations.AddIndex(
            model_name="review",
            index=models.Index(
                condition=models.Q(("next_look_at__isnull", False)),
                fields=["next_look_at"],
                name="reviews_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="review",
            constraint=models.UniqueConstraint(fields=("charge",), name="one_review_per_charge"),
        ),
        migrations.AddConstraint(
            model_name="review",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("closed_at", None),
                        ("closed_reason", ""),
                        ("next_look_at__isnull", False),
                        ("state", "open"),
                    ),
                    models.Q(
                        models.Q(("state", "open"), _negated=True),
                        ("closed_at__isnull", False),
                        ("next_look_at", None),
                        models.Q(("closed_reason", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="open_reviews_have_a_deadline",
            ),
        ),
        migrations.AddConstraint(
            model_name="risksettings",
            constraint=models.UniqueConstraint(fields=("merchant", "livemode"), name="risk_settings_once"),
        ),
        migrations.AddConstraint(
            model_name="risksettings",
            constraint=models.CheckConstraint(
                condition=models.Q(("review_hours__range", (1, 144))), name="reviews_take_hours_or_days"
            ),
        ),
        append_only("risk_decision"),
        analyzed_late("risk_decision"),
        forward_only(
            "risk_review",
            births=["open"],
            moves=[("open", ended) for ended in ("approved", "rejected", "expired", "closed")],
            frozen=(
                "public_id",
                "merchant_id",
                "livemode",
                "created_at",
                "decision_id",
                "charge",
                "payment_intent",
                "captures",
                "due_at",
                "at_deadline",
            ),
        ),
        migrations.RunSQL(REVIEW_OF_A_DECISION, UNDO_REVIEW_OF_A_DECISION),
    ]
