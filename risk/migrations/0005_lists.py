"""Lists that rules ask for, who is on them, and by what a repeated attempt is known."""

import functools

import django.db.models.deletion
import django.db.models.functions.datetime
import django_fsm
from django.db import migrations, models

import core.ids
from core.append_only import forward_only, trigger_function

# An item is of its list's mode, and on a merchant's list it is about that merchant's payments.
FITS = [
    trigger_function(
        "risk_item_fits",
        """
        BEGIN
            PERFORM FROM here.risk_valuelist
            WHERE id = NEW.value_list_id AND livemode = NEW.livemode AND state = 'active'
              AND (merchant_id IS NULL OR merchant_id = NEW.merchant_id);
            IF NOT FOUND THEN
                RAISE EXCEPTION 'an item of % does not fit list %', NEW.merchant_id, NEW.value_list_id
                    USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END
        """,
    ),
    """
    CREATE TRIGGER fits BEFORE INSERT ON risk_valuelistitem FOR EACH ROW EXECUTE FUNCTION risk_item_fits();
    """,
]
UNDO_FITS = """
DROP TRIGGER fits ON risk_valuelistitem;
DROP FUNCTION risk_item_fits();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("merchants", "0008_requests_per_second"),
        ("risk", "0004_decisions_found"),
    ]

    operations = [
        migrations.AddField(
            model_name="decision",
            name="once",
            field=models.CharField(blank=True, db_default="", default="", max_length=24),
        ),
        migrations.CreateModel(
            name="ValueList",
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
                        default=functools.partial(core.ids.new_id, *("rsl",), **{}),
                        editable=False,
                        max_length=40,
                        unique=True,
                    ),
                ),
                ("livemode", models.BooleanField()),
                ("key", models.CharField(max_length=60)),
                ("name", models.CharField(max_length=80)),
                (
                    "item_type",
                    models.CharField(
                        choices=[
                            ("card_fingerprint", "Cards"),
                            ("card_bin", "BINs"),
                            ("email", "Emails"),
                            ("email_domain", "Email domains"),
                            ("ip_address", "IP addresses and ranges"),
                            ("country", "Countries of cards"),
                            ("string", "Any of these"),
                            ("case_sensitive_string", "Any of these, as they are spelled"),
                        ],
                        max_length=21,
                    ),
                ),
                (
                    "filled_by",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "By hand only"),
                            ("fraud_disputes", "By hand, and by disputes for fraud"),
                        ],
                        db_default="",
                        default="",
                        max_length=14,
                    ),
                ),
                ("fill_days", models.PositiveSmallIntegerField(db_default=180, default=180)),
                ("metadata", models.JSONField(db_default={}, default=dict)),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[("active", "Active"), ("deleted", "Deleted")],
                        default="active",
                        max_length=7,
                        protected=True,
                    ),
                ),
                ("created_by", models.CharField(max_length=150)),
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
            name="ValueListItem",
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
                        default=functools.partial(core.ids.new_id, *("rsli",), **{}),
                        editable=False,
                        max_length=40,
                        unique=True,
                    ),
                ),
                ("livemode", models.BooleanField()),
                ("value", models.CharField(max_length=320)),
                ("match", models.CharField(max_length=320)),
                ("reason", models.CharField(max_length=500)),
                ("added_by", models.CharField(max_length=150)),
                ("source", models.CharField(blank=True, db_default="", default="", max_length=40)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[("active", "Active"), ("removed", "Removed")],
                        default="active",
                        max_length=7,
                        protected=True,
                    ),
                ),
                ("removed_at", models.DateTimeField(null=True)),
                ("removed_by", models.CharField(blank=True, db_default="", default="", max_length=150)),
                ("removed_reason", models.CharField(blank=True, db_default="", default="", max_length=500)),
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
                (
                    "value_list",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="items", to="risk.valuelist"
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="valuelist",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "active")),
                fields=("merchant", "livemode", "key"),
                name="a_key_is_one_list",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="valuelist",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("key__regex", "^[a-z][a-z0-9_]*$"),
                    models.Q(("name", ""), _negated=True),
                    models.Q(("created_by", ""), _negated=True),
                ),
                name="lists_have_keys_and_names",
            ),
        ),
        migrations.AddIndex(
            model_name="valuelistitem",
            index=models.Index(
                condition=models.Q(("source", ""), _negated=True), fields=["source"], name="items_by_source"
            ),
        ),
        migrations.AddIndex(
            model_name="valuelistitem",
            index=models.Index(condition=models.Q(("state", "active")), fields=["id"], name="active_items"),
        ),
        migrations.AddConstraint(
            model_name="valuelistitem",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "active")),
                fields=("value_list", "match", "merchant"),
                name="on_a_list_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="valuelistitem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("value", ""), _negated=True),
                    models.Q(("match", ""), _negated=True),
                    models.Q(("reason", ""), _negated=True),
                    models.Q(("added_by", ""), _negated=True),
                ),
                name="items_are_there_for_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="valuelistitem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("removed_at", None), ("removed_by", ""), ("removed_reason", ""), ("state", "active")
                    ),
                    models.Q(
                        ("removed_at__isnull", False),
                        ("state", "removed"),
                        models.Q(("removed_by", ""), _negated=True),
                        models.Q(("removed_reason", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="items_are_removed_for_a_reason",
            ),
        ),
        forward_only(
            "risk_valuelist",
            births=["active"],
            moves=[("active", "deleted")],
            frozen=["public_id", "merchant_id", "livemode", "item_type", "created_by", "created_at"],
        ),
        forward_only(
            "risk_valuelistitem",
            births=["active"],
            moves=[("active", "removed")],
            frozen=[
                "public_id",
                "value_list_id",
                "merchant_id",
                "livemode",
                "value",
                "match",
                "reason",
                "added_by",
                "source",
                "created_at",
                "expires_at",
            ],
        ),
        migrations.RunSQL(FITS, UNDO_FITS),
    ]
