import django.contrib.postgres.fields
import django.db.models.constraints
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

# What a list of JSON must be to split payments by; a CHECK can not look into a list by itself. NULL would pass.
TARGETS = r"""
CREATE FUNCTION payments_targets_fit(targets jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce((
        SELECT bool_and(jsonb_typeof(target -> 'processor') = 'string' AND target ->> 'processor' <> ''
                        AND (target ->> 'percent') ~ '^(0|[1-9][0-9]?|100)$'
                        AND jsonb_typeof(target -> 'percent') = 'number')
            AND count(DISTINCT target ->> 'processor') = count(*)
            AND sum(CASE WHEN (target ->> 'percent') ~ '^[0-9]{1,3}$' THEN (target ->> 'percent')::int END) = 100
        FROM jsonb_array_elements(CASE jsonb_typeof(targets) WHEN 'array' THEN targets ELSE '[]' END) AS target
    ), false)
$$;
ALTER TABLE payments_routingrule
    ADD CONSTRAINT rule_targets_sum_to_100 CHECK (payments_targets_fit(targets)),
    ADD CONSTRAINT rule_currencies_are_codes
        CHECK (array_to_string(currencies, ',', '?') ~ '^([a-z]{3}(,[a-z]{3})*)?$'),
    ADD CONSTRAINT rule_countries_are_codes
        CHECK (array_to_string(card_countries, ',', '?') ~ '^([A-Z]{2}(,[A-Z]{2})*)?$'),
    ADD CONSTRAINT rule_brands_are_words
        CHECK (array_to_string(card_brands, ',', '?') ~ '^([a-z]+(,[a-z]+)*)?$');
"""
UNDO_TARGETS = """
ALTER TABLE payments_routingrule
    DROP CONSTRAINT rule_targets_sum_to_100,
    DROP CONSTRAINT rule_currencies_are_codes,
    DROP CONSTRAINT rule_countries_are_codes,
    DROP CONSTRAINT rule_brands_are_words;
DROP FUNCTION payments_targets_fit(jsonb);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("merchants", "0002_guards"),
        ("payments", "0002_guards"),
    ]

    operations = [
        migrations.CreateModel(
            name="ProcessorHealth",
            fields=[
                ("processor", models.CharField(max_length=40, primary_key=True, serialize=False)),
                (
                    "state",
                    models.CharField(
                        choices=[("closed", "Closed"), ("open", "Open"), ("half_open", "Half Open")],
                        default="closed",
                        max_length=12,
                    ),
                ),
                ("since", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("open_until", models.DateTimeField(null=True)),
                ("failures", models.PositiveIntegerField(db_default=0, default=0)),
                ("last_reason", models.CharField(blank=True, db_default="", default="", max_length=300)),
            ],
            options={
                "verbose_name": "processor",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("failures", 0), ("open_until", None), ("state", "closed")),
                            models.Q(
                                ("failures__gte", 1),
                                ("open_until__isnull", False),
                                ("state__in", ["open", "half_open"]),
                            ),
                            _connector="OR",
                        ),
                        name="open_breakers_end",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RoutingRule",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("livemode", models.BooleanField()),
                ("position", models.PositiveIntegerField()),
                ("enabled", models.BooleanField(default=True)),
                ("name", models.CharField(max_length=80)),
                (
                    "currencies",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=3),
                        blank=True,
                        db_default=[],
                        default=list,
                        size=None,
                    ),
                ),
                (
                    "card_brands",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=20),
                        blank=True,
                        db_default=[],
                        default=list,
                        size=None,
                    ),
                ),
                (
                    "card_countries",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=2),
                        blank=True,
                        db_default=[],
                        default=list,
                        size=None,
                    ),
                ),
                ("amount_from_minor", models.BigIntegerField(blank=True, null=True)),
                ("amount_to_minor", models.BigIntegerField(blank=True, null=True)),
                ("targets", models.JSONField()),
                ("updated_at", models.DateTimeField(auto_now=True)),
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
            options={
                "ordering": ["livemode", "position"],
                "constraints": [
                    models.UniqueConstraint(
                        deferrable=django.db.models.constraints.Deferrable["DEFERRED"],
                        fields=("livemode", "position"),
                        name="one_rule_per_position",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("position__gte", 1)), name="rule_positions_begin_at_1"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("name", ""), _negated=True), name="rules_have_names"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amount_from_minor", None), ("amount_from_minor__gte", 0), _connector="OR"
                        ),
                        name="rule_amounts_are_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amount_from_minor", None),
                            ("amount_to_minor", None),
                            ("amount_from_minor__lte", models.F("amount_to_minor")),
                            _connector="OR",
                        ),
                        name="rule_amounts_are_in_order",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("amount_from_minor", None), ("amount_to_minor", None)),
                            models.Q(("currencies", []), _negated=True),
                            _connector="OR",
                        ),
                        name="rule_amounts_have_a_currency",
                    ),
                ],
            },
        ),
        migrations.RunSQL(TARGETS, UNDO_TARGETS),
    ]
