"""Seals over what has become visible, and the sums that are made with them."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Greatest

import ledger.models
from core.append_only import append_only, trigger_function

# A seal continues the chain: nobody forks it, whoever writes.
CHAIN = trigger_function(
    "ledger_seals_follow",
    """
        DECLARE
            last record;
        BEGIN
            SELECT number, hash INTO last FROM here.ledger_seal ORDER BY number DESC LIMIT 1;
            IF NEW.number <> coalesce(last.number, 0) + 1
                OR NEW.previous <> coalesce(last.hash, decode(repeat('00', 32), 'hex')) THEN
                RAISE EXCEPTION 'seal % does not follow seal %', NEW.number, coalesce(last.number, 0)
                    USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END
        """,
)
TRIGGER = (
    "CREATE TRIGGER chained BEFORE INSERT ON ledger_seal FOR EACH ROW EXECUTE FUNCTION ledger_seals_follow();"
)


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0004_limits"),
        ("merchants", "0003_order_metadata_key"),
    ]

    operations = [
        migrations.CreateModel(
            name="LedgerHour",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hour", models.DateTimeField()),
                ("debit_minor", models.DecimalField(decimal_places=0, max_digits=60)),
                ("credit_minor", models.DecimalField(decimal_places=0, max_digits=60)),
                ("entries", models.BigIntegerField()),
                ("first_entry_id", models.BigIntegerField()),
                ("last_entry_id", models.BigIntegerField()),
            ],
            options={
                "db_table": "ledger_hour",
            },
        ),
        migrations.CreateModel(
            name="LedgerOpenItem",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("item", models.TextField()),
                ("amount_minor", models.DecimalField(decimal_places=0, max_digits=60)),
                ("since", models.DateTimeField()),
            ],
            options={
                "db_table": "ledger_open_item",
            },
        ),
        migrations.CreateModel(
            name="LedgerSeal",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("previous", models.BinaryField()),
                ("root", models.BinaryField()),
                ("hash", models.BinaryField()),
                ("transactions", models.BigIntegerField()),
                ("entries", models.BigIntegerField()),
                ("leaves", models.BinaryField()),
                ("watermark", ledger.models.TransactionIdField()),
                ("base_id", models.BigIntegerField()),
                ("system_identifier", models.BigIntegerField()),
                ("sealed_at", models.DateTimeField()),
            ],
            options={
                "db_table": "ledger_seal",
            },
        ),
        migrations.AddIndex(
            model_name="ledgertransaction",
            index=models.Index(fields=["xid"], name="ledger_transaction_xid"),
        ),
        migrations.AddIndex(
            model_name="ledgertransaction",
            index=models.Index(
                Greatest("occurred_at", "booked_at"),
                condition=models.Q(("occurred_at", models.F("booked_at")), _negated=True),
                name="ledger_transaction_two_clocks",
            ),
        ),
        migrations.AddField(
            model_name="ledgerhour",
            name="account",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="ledger.ledgeraccount",
            ),
        ),
        migrations.AddField(
            model_name="ledgeropenitem",
            name="account",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="ledger.ledgeraccount",
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerhour",
            constraint=models.UniqueConstraint(fields=("account", "hour"), name="ledger_hour_once"),
        ),
        migrations.AddConstraint(
            model_name="ledgeropenitem",
            constraint=models.UniqueConstraint(fields=("account", "item"), name="ledger_open_item_once"),
        ),
        append_only("ledger_seal"),
        migrations.RunSQL(
            [CHAIN, TRIGGER], "DROP TRIGGER chained ON ledger_seal; DROP FUNCTION ledger_seals_follow();"
        ),
    ]
