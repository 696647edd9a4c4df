import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
import django_fsm
from django.conf import settings
from django.db import migrations, models

import reconciliation.models.breaks


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ReportLine",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("charge", "Charge"),
                            ("refund", "Refund"),
                            ("refund_failure", "Refund that came back"),
                            ("dispute", "Dispute"),
                            ("dispute_reversal", "Dispute won"),
                            ("fee", "Fee"),
                            ("payout", "Payout to our bank"),
                            ("credit", "Bank credit"),
                            ("debit", "Bank debit"),
                            ("other", "Other"),
                        ],
                        max_length=20,
                    ),
                ),
                ("reference", models.CharField(max_length=100)),
                ("processor_id", models.CharField(max_length=100)),
                ("related_id", models.CharField(max_length=100)),
                ("currency", models.CharField(max_length=3)),
                ("gross_minor", models.BigIntegerField()),
                ("fee_minor", models.BigIntegerField()),
                ("net_minor", models.BigIntegerField()),
                ("status", models.CharField(max_length=20)),
                ("occurred_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="ReportFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("source", models.CharField(max_length=40)),
                ("livemode", models.BooleanField()),
                ("day", models.DateField()),
                ("format", models.CharField(max_length=20)),
                ("name", models.CharField(max_length=200)),
                ("sha256", models.CharField(max_length=64)),
                ("line_count", models.PositiveIntegerField()),
                ("imported_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("imported_by", models.CharField(max_length=100)),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[("matched", "Matched"), ("posted", "Posted")],
                        default="matched",
                        max_length=10,
                        protected=True,
                    ),
                ),
                ("posted_lines", models.PositiveIntegerField(db_default=0, default=0)),
            ],
            options={
                "verbose_name": "report",
            },
        ),
        migrations.CreateModel(
            name="Break",
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
                        default=reconciliation.models.breaks.new_break_id, editable=False, max_length=40
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("missing_here", "Missing in our books"),
                            ("missing_there", "Missing in the report"),
                            ("amount", "Other amount"),
                            ("currency", "Other currency"),
                            ("fee", "Other fee"),
                            ("status", "Other status"),
                            ("duplicate", "Reported twice"),
                            ("timing", "Not due yet"),
                            ("orphan_refund", "Refund nobody asked for"),
                            ("orphan_dispute", "Dispute of an unknown charge"),
                            ("bound", "Beyond a limit"),
                        ],
                        max_length=16,
                    ),
                ),
                ("subject", models.CharField(max_length=200)),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[
                            ("open", "Open"),
                            ("proposed", "Proposed"),
                            ("approved", "Approved"),
                            ("resolved", "Resolved"),
                        ],
                        default="open",
                        max_length=10,
                        protected=True,
                    ),
                ),
                ("source", models.CharField(max_length=40)),
                ("livemode", models.BooleanField()),
                ("currency", models.CharField(max_length=3)),
                ("at_risk_minor", models.BigIntegerField()),
                ("suspense_minor", models.BigIntegerField(db_default=0, default=0)),
                ("booking_id", models.BigIntegerField(db_index=True, null=True)),
                ("reference", models.CharField(max_length=100)),
                ("since", models.DateTimeField()),
                ("opened_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("needs_second_person", models.BooleanField()),
                (
                    "resolution",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("settle", "Count it against what the processor owes us"),
                            ("write_off", "Bear it, or keep it, as our own loss or gain"),
                            ("nothing", "Book nothing: it is explained"),
                        ],
                        max_length=12,
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("proposed_by", models.CharField(blank=True, max_length=150)),
                ("approved_by", models.CharField(blank=True, max_length=150)),
                ("resolved_by", models.CharField(blank=True, max_length=150)),
                ("resolved_at", models.DateTimeField(null=True)),
                ("ledger_reference", models.CharField(blank=True, max_length=100)),
                (
                    "owner",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "line",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="breaks",
                        to="reconciliation.reportline",
                    ),
                ),
            ],
            options={
                "permissions": [
                    ("work_break", "Can take, note and propose"),
                    ("approve_break", "Can approve and resolve"),
                ],
            },
        ),
        migrations.CreateModel(
            name="BreakEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("kind", models.CharField(max_length=20)),
                ("actor", models.CharField(max_length=150)),
                ("text", models.CharField(blank=True, max_length=500)),
                ("state", models.CharField(max_length=10)),
                ("data", models.JSONField(db_default={}, default=dict)),
                (
                    "about",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="history",
                        to="reconciliation.break",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "break entries",
            },
        ),
        migrations.CreateModel(
            name="Match",
            fields=[
                (
                    "line",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        serialize=False,
                        to="reconciliation.reportline",
                    ),
                ),
                (
                    "result",
                    models.CharField(
                        choices=[
                            ("matched", "Matched"),
                            ("missing_here", "Missing in our books"),
                            ("missing_there", "Missing in the report"),
                            ("amount", "Other amount"),
                            ("currency", "Other currency"),
                            ("fee", "Other fee"),
                            ("status", "Other status"),
                            ("duplicate", "Reported twice"),
                            ("timing", "Not due yet"),
                            ("orphan_refund", "Refund nobody asked for"),
                            ("orphan_dispute", "Dispute of an unknown charge"),
                        ],
                        max_length=16,
                    ),
                ),
                ("booking_id", models.BigIntegerField(null=True)),
                ("settles", models.BooleanField()),
                ("owed_minor", models.BigIntegerField()),
                ("fee_minor", models.BigIntegerField()),
            ],
            options={
                "verbose_name_plural": "matches",
            },
        ),
        migrations.AddField(
            model_name="reportline",
            name="file",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="lines",
                to="reconciliation.reportfile",
            ),
        ),
        migrations.AddIndex(
            model_name="reportfile",
            index=models.Index(fields=["source", "day"], name="reports_of_day"),
        ),
        migrations.AddConstraint(
            model_name="reportfile",
            constraint=models.UniqueConstraint(
                fields=("source", "livemode", "sha256"), name="report_is_imported_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="reportfile",
            constraint=models.CheckConstraint(
                condition=models.Q(("posted_lines__lte", models.F("line_count"))),
                name="report_posts_what_it_has",
            ),
        ),
        migrations.AddField(
            model_name="match",
            name="file",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="matches",
                to="reconciliation.reportfile",
            ),
        ),
        migrations.AddIndex(
            model_name="break",
            index=models.Index(
                condition=models.Q(("state", "resolved"), _negated=True),
                fields=["source", "since"],
                name="breaks_to_work_off",
            ),
        ),
        migrations.AddConstraint(
            model_name="break",
            constraint=models.UniqueConstraint(fields=("public_id",), name="break_once"),
        ),
        migrations.AddConstraint(
            model_name="break",
            constraint=models.UniqueConstraint(fields=("subject",), name="break_once_per_subject"),
        ),
        migrations.AddConstraint(
            model_name="break",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("needs_second_person", False),
                    ("approved_by", ""),
                    models.Q(("approved_by", models.F("proposed_by")), _negated=True),
                    models.Q(("proposed_by", "rule:automatic"), ("resolution", "nothing")),
                    _connector="OR",
                ),
                name="large_breaks_take_two_people",
            ),
        ),
        migrations.AddConstraint(
            model_name="break",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state", "open"),
                    models.Q(
                        models.Q(("proposed_by", ""), _negated=True),
                        models.Q(("resolution", ""), _negated=True),
                        models.Q(("reason", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="proposals_say_what_and_why",
            ),
        ),
        migrations.AddConstraint(
            model_name="break",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["open", "proposed"]),
                    models.Q(("approved_by", ""), _negated=True),
                    _connector="OR",
                ),
                name="approvals_have_a_name",
            ),
        ),
        migrations.AddConstraint(
            model_name="break",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "resolved"), _negated=True),
                    models.Q(models.Q(("resolved_by", ""), _negated=True), ("resolved_at__isnull", False)),
                    _connector="OR",
                ),
                name="resolved_breaks_say_by_whom",
            ),
        ),
        migrations.AddConstraint(
            model_name="break",
            constraint=models.CheckConstraint(
                condition=models.Q(("at_risk_minor__gte", 0)), name="risk_is_not_negative"
            ),
        ),
        migrations.AddIndex(
            model_name="reportline",
            index=models.Index(
                condition=models.Q(("kind", "payout")), fields=["processor_id"], name="announced_payouts"
            ),
        ),
        migrations.AddConstraint(
            model_name="reportline",
            constraint=models.UniqueConstraint(fields=("file", "number"), name="report_line_once"),
        ),
        migrations.AddConstraint(
            model_name="reportline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "net_minor",
                        django.db.models.expressions.CombinedExpression(
                            models.F("gross_minor"), "-", models.F("fee_minor")
                        ),
                    )
                ),
                name="report_line_net_is_gross_minus_fee",
            ),
        ),
        migrations.AddConstraint(
            model_name="match",
            constraint=models.UniqueConstraint(
                condition=models.Q(("settles", True)), fields=("booking_id",), name="booking_is_settled_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="match",
            constraint=models.CheckConstraint(
                condition=models.Q(("settles", False), ("booking_id__isnull", False), _connector="OR"),
                name="what_settles_has_a_booking",
            ),
        ),
    ]
