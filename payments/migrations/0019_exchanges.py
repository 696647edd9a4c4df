"""Currencies are exchanged by two bookings, with the rate kept beside them."""

import functools
from importlib import import_module

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import core.ids
from core.append_only import append_only, columns_stay, trigger_function

RESERVES = import_module("payments.migrations.0016_reserves")

# Both bookings are there, of these very amounts; what was bought is the rate's, rounded down, and what left the position
# is its nearest; and nothing was sold that could not have been paid out.
EXCHANGE = [
    trigger_function(
        "payments_exchange_born",
        """
        DECLARE
            sold bigint;
            exact numeric := NEW.sold_minor::numeric * NEW.rate_numerator;
            given numeric := NEW.bought_minor::numeric + NEW.rounding_minor;
        BEGIN
            IF NEW.bought_minor::numeric * NEW.rate_denominator > exact
                OR (NEW.bought_minor::numeric + 1) * NEW.rate_denominator <= exact
                OR 2 * given * NEW.rate_denominator > 2 * exact + NEW.rate_denominator
                OR 2 * given * NEW.rate_denominator <= 2 * exact - NEW.rate_denominator THEN
                RAISE EXCEPTION 'exchange % gives % and % for % at %', NEW.public_id, NEW.bought_minor,
                    NEW.rounding_minor, NEW.sold_minor, NEW.rate USING ERRCODE = 'check_violation';
            END IF;
            SELECT entry.account_id INTO sold FROM here.ledger_transaction t
                JOIN here.ledger_entry entry ON entry.transaction_id = t.id
                JOIN here.ledger_account account ON account.id = entry.account_id
                WHERE t.reference = NEW.public_id || ':sold' AND t.kind = 'exchange_sold'
                    AND t.merchant_id = NEW.merchant_id AND t.livemode = NEW.livemode
                    AND entry.currency = NEW.sold_currency AND entry.amount_minor = NEW.sold_minor
                    AND account.merchant_id = NEW.merchant_id AND account.address LIKE '%:available';
            IF NOT FOUND OR here.ledger_limit_of(sold, 'exchange_sold') IS DISTINCT FROM - coalesce(
                (SELECT reserve_fixed_minor FROM here.payments_terms WHERE merchant_id = NEW.merchant_id), 0) THEN
                RAISE EXCEPTION 'exchange % of % is not booked against what its merchant has', NEW.public_id,
                    NEW.sold_minor USING ERRCODE = 'check_violation';
            END IF;
            PERFORM FROM here.ledger_transaction t JOIN here.ledger_entry entry ON entry.transaction_id = t.id
                JOIN here.ledger_account account ON account.id = entry.account_id
                WHERE t.reference = NEW.public_id || ':bought' AND t.kind = 'exchange_bought'
                    AND t.merchant_id = NEW.merchant_id AND t.livemode = NEW.livemode
                    AND entry.currency = NEW.bought_currency AND entry.amount_minor = - NEW.bought_minor
                    AND account.merchant_id = NEW.merchant_id AND account.address LIKE '%:available';
            IF NOT FOUND THEN
                RAISE EXCEPTION 'exchange % has not given its merchant the % that it bought', NEW.public_id,
                    NEW.bought_minor USING ERRCODE = 'check_violation';
            END IF;
            RETURN NULL;
        END
        """,
    ),
    """
    CREATE CONSTRAINT TRIGGER backed AFTER INSERT ON payments_exchange
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payments_exchange_born();
    """,
]
UNDO_EXCHANGE = """
DROP TRIGGER backed ON payments_exchange;
DROP FUNCTION payments_exchange_born();
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0018_finding")]
    operations = [
        migrations.CreateModel(
            name="Exchange",
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
                        default=functools.partial(core.ids.new_id, *("fx",), **{}),
                        editable=False,
                        max_length=40,
                    ),
                ),
                ("reference", models.CharField(max_length=100)),
                ("sold_minor", models.BigIntegerField()),
                ("sold_currency", models.CharField(max_length=3)),
                ("bought_minor", models.BigIntegerField()),
                ("bought_currency", models.CharField(max_length=3)),
                ("rate", models.CharField(max_length=20)),
                ("rate_numerator", models.BigIntegerField()),
                ("rate_denominator", models.BigIntegerField()),
                ("rounding_minor", models.PositiveSmallIntegerField()),
                ("made_by", models.CharField(max_length=320)),
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
                "constraints": [
                    models.UniqueConstraint(fields=["public_id"], name="exchange_once"),
                    models.UniqueConstraint(
                        fields=["merchant", "livemode", "reference"], name="exchange_references_are_used_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("bought_minor__gt", 0),
                            ("rounding_minor__lte", 1),
                            ("sold_minor__gt", 0),
                            ("rate_denominator__gt", 0),
                            ("rate_numerator__gt", 0),
                            models.Q(("sold_currency", models.F("bought_currency")), _negated=True),
                        ),
                        name="an_exchange_is_of_two_amounts",
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="balancetransaction",
            name="exchange_rate",
            field=models.CharField(blank=True, db_default="", default="", max_length=20),
        ),
        migrations.RunSQL(EXCHANGE, UNDO_EXCHANGE),
        append_only("payments_exchange"),
        migrations.RunSQL(
            columns_stay("payments_balancetransaction", (*RESERVES.FROZEN, "exchange_rate")),
            columns_stay("payments_balancetransaction", RESERVES.FROZEN),
        ),
    ]
