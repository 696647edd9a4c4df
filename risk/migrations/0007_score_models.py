"""Trained models, and who brought each into use."""

import functools

import django.db.models.deletion
import django.db.models.functions.datetime
import django_fsm
from django.db import migrations, models

import core.ids
from core.append_only import append_only, forward_only, trigger_function

# Looked at when the transaction ends: the model is there before who trained it is said.
TOLD = [
    trigger_function(
        "risk_score_model_told",
        """
        BEGIN
            PERFORM FROM here.risk_scoremodelchange WHERE model_id = NEW.id AND state = NEW.state;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'nobody says who made score model % %', NEW.public_id, NEW.state
                    USING ERRCODE = 'check_violation';
            END IF;
            RETURN NULL;
        END
        """,
    ),
    """
    CREATE CONSTRAINT TRIGGER told_at_birth AFTER INSERT ON risk_scoremodel DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION risk_score_model_told();
    CREATE CONSTRAINT TRIGGER told AFTER UPDATE OF state ON risk_scoremodel DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION risk_score_model_told();
    """,
]
UNDO_TOLD = """
DROP TRIGGER told ON risk_scoremodel;
DROP TRIGGER told_at_birth ON risk_scoremodel;
DROP FUNCTION risk_score_model_told();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("risk", "0006_shipped"),
    ]

    operations = [
        migrations.CreateModel(
            name="ScoreModel",
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
                        default=functools.partial(core.ids.new_id, *("rm",), **{}),
                        editable=False,
                        max_length=40,
                        unique=True,
                    ),
                ),
                ("livemode", models.BooleanField()),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[("trained", "Trained"), ("live", "Live"), ("retired", "Retired")],
                        default="trained",
                        max_length=7,
                        protected=True,
                    ),
                ),
                ("content", models.JSONField()),
                ("evaluation", models.JSONField()),
                ("weights", models.JSONField()),
                ("payments", models.PositiveIntegerField()),
                ("frauds", models.PositiveIntegerField()),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                ("known_at", models.DateTimeField()),
                ("mature_days", models.PositiveSmallIntegerField()),
                ("tried_from", models.DateTimeField()),
                ("trained_with", models.CharField(max_length=60)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "live")),
                        fields=("livemode",),
                        name="one_score_model_is_live",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("frauds__gt", 0), ("frauds__lt", models.F("payments"))),
                        name="score_models_know_good_and_bad",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("first_at__lte", models.F("last_at")), ("last_at__lte", models.F("known_at"))
                        ),
                        name="score_models_learn_from_the_past",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ScoreModelChange",
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
                        choices=[("trained", "Trained"), ("live", "Live"), ("retired", "Retired")],
                        max_length=7,
                    ),
                ),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("actor", models.CharField(max_length=400)),
                ("reason", models.TextField()),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="changes",
                        to="risk.scoremodel",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("model", "state"), name="score_models_reach_states_once"),
                    models.CheckConstraint(
                        condition=models.Q(("actor__gt", ""), ("reason__gt", "")),
                        name="score_models_change_by_somebody_for_a_reason",
                    ),
                ],
            },
        ),
        forward_only(
            "risk_scoremodel",
            births=["trained"],
            moves=[("trained", "live"), ("trained", "retired"), ("live", "retired")],
            frozen=[
                "public_id",
                "livemode",
                "content",
                "evaluation",
                "weights",
                "payments",
                "frauds",
                "first_at",
                "last_at",
                "known_at",
                "mature_days",
                "tried_from",
                "trained_with",
                "created_at",
            ],
        ),
        append_only("risk_scoremodelchange"),
        migrations.RunSQL(TOLD, UNDO_TOLD),
    ]
