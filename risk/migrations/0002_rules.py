"""Rules, their versions with the way of each, and tests against past payments."""

import functools

import django.db.models.deletion
import django.db.models.functions.datetime
import django_fsm
from django.db import migrations, models

import core.ids
from core.append_only import append_only, forward_only, trigger_function

# Looked at when the transaction ends: the version is there before who made it is said.
TOLD = [
    trigger_function(
        "risk_version_told",
        """
        BEGIN
            PERFORM FROM here.risk_rulechange WHERE version_id = NEW.id AND state = NEW.state;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'nobody says who made version % of rule % %', NEW.number, NEW.rule_id, NEW.state
                    USING ERRCODE = 'check_violation';
            END IF;
            RETURN NULL;
        END
        """,
    ),
    """
    CREATE CONSTRAINT TRIGGER told_at_birth AFTER INSERT ON risk_ruleversion DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION risk_version_told();
    CREATE CONSTRAINT TRIGGER told AFTER UPDATE OF state ON risk_ruleversion DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION risk_version_told();
    """,
]
UNDO_TOLD = """
DROP TRIGGER told ON risk_ruleversion;
DROP TRIGGER told_at_birth ON risk_ruleversion;
DROP FUNCTION risk_version_told();
"""
MOVES = [
    ("draft", "shadow"),
    ("draft", "live"),
    ("draft", "retired"),
    ("shadow", "live"),
    ("shadow", "retired"),
    ("live", "retired"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("merchants", "0006_keys_await_approval"),
        ("risk", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Rule",
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
                        default=functools.partial(core.ids.new_id, "rr"),
                        editable=False,
                        max_length=40,
                        unique=True,
                    ),
                ),
                ("name", models.CharField(max_length=80)),
                ("livemode", models.BooleanField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "merchant",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="merchants.merchant",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RuleVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("expression", models.TextField()),
                (
                    "action",
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
                    "state",
                    django_fsm.FSMField(
                        choices=[
                            ("draft", "Draft"),
                            ("shadow", "Shadow"),
                            ("live", "Live"),
                            ("retired", "Retired"),
                        ],
                        db_default="draft",
                        default="draft",
                        max_length=7,
                        protected=True,
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "rule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="versions", to="risk.rule"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RuleChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("shadow", "Shadow"),
                            ("live", "Live"),
                            ("retired", "Retired"),
                        ],
                        max_length=7,
                    ),
                ),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("actor", models.CharField(max_length=400)),
                ("reason", models.TextField()),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="changes",
                        to="risk.ruleversion",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="BackTest",
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
                        default=functools.partial(core.ids.new_id, "rbt"),
                        editable=False,
                        max_length=40,
                        unique=True,
                    ),
                ),
                ("begins_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("first_id", models.BigIntegerField()),
                ("last_id", models.BigIntegerField()),
                ("next_before", models.BigIntegerField()),
                ("done", models.BooleanField(db_default=False, default=False)),
                ("figures", models.JSONField(db_default={}, default=dict)),
                ("made_by", models.CharField(max_length=150)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="back_tests",
                        to="risk.ruleversion",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="rule",
            constraint=models.CheckConstraint(
                condition=models.Q(("name", ""), _negated=True), name="risk_rules_have_names"
            ),
        ),
        migrations.AddConstraint(
            model_name="ruleversion",
            constraint=models.UniqueConstraint(fields=("rule", "number"), name="versions_are_numbered"),
        ),
        migrations.AddConstraint(
            model_name="ruleversion",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "live")), fields=("rule",), name="one_version_is_live"
            ),
        ),
        migrations.AddConstraint(
            model_name="ruleversion",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "shadow")), fields=("rule",), name="one_version_is_in_shadow"
            ),
        ),
        migrations.AddConstraint(
            model_name="ruleversion",
            constraint=models.CheckConstraint(
                condition=models.Q(("expression", ""), _negated=True), name="versions_say_something"
            ),
        ),
        migrations.AddConstraint(
            model_name="rulechange",
            constraint=models.UniqueConstraint(fields=("version", "state"), name="states_are_reached_once"),
        ),
        migrations.AddConstraint(
            model_name="rulechange",
            constraint=models.CheckConstraint(
                condition=models.Q(("actor__gt", ""), ("reason__gt", "")),
                name="rules_change_by_somebody_for_a_reason",
            ),
        ),
        append_only("risk_rule"),
        forward_only(
            "risk_ruleversion",
            births=["draft"],
            moves=MOVES,
            frozen=["rule_id", "number", "expression", "action", "created_at"],
        ),
        append_only("risk_rulechange"),
        migrations.RunSQL(TOLD, UNDO_TOLD),
    ]
