"""The same rules of the ledger, for less: what a trigger holds is not checked by a foreign key again, and a posting
that is right passes each trigger with one query. A foreign key also locks the row that it finds: all charges of a
busy merchant locked the merchant, and all charges of everybody our own accounts."""

from importlib import import_module

import django.db.models.deletion
from django.db import migrations, models

from core.append_only import columns_stay, reworded, trigger_function

BEFORE = import_module("ledger.migrations.0002_guards")

# A header that passes has entries, and its merchant exists: merchants stay, and keep their ids.
HEADER = trigger_function(
    "ledger_check_has_entries",
    """
    BEGIN
        PERFORM FROM here.ledger_entry WHERE transaction_id = NEW.id
            AND EXISTS (SELECT FROM here.merchants_merchant WHERE id = NEW.merchant_id) LIMIT 1;
        IF FOUND THEN
            RETURN NULL;
        ELSIF NOT EXISTS (SELECT FROM here.ledger_entry WHERE transaction_id = NEW.id) THEN
            RAISE EXCEPTION 'ledger transaction % has no entries', NEW.reference
                USING ERRCODE = 'check_violation';
        ELSIF NEW.merchant_id IS NOT NULL
            AND NOT EXISTS (SELECT FROM here.merchants_merchant WHERE id = NEW.merchant_id) THEN
            RAISE EXCEPTION 'ledger transaction % is of merchant %, whom nobody knows', NEW.reference,
                NEW.merchant_id USING ERRCODE = 'foreign_key_violation';
        END IF;
        RETURN NULL;
    END
    """,
)

# Still one check per statement. Its first loop passes what nearly every statement is, one whole transaction in
# one currency; what comes after it finds out what is wrong, if anything.
ENTRIES = trigger_function(
    "ledger_check_entries",
    """
    DECLARE
        line record;
        booking bigint;
        money text;
        total numeric := 0;
        wrong record;
    BEGIN
        FOR line IN
            SELECT e.transaction_id, e.currency, e.amount_minor, (
                SELECT t.xid = pg_current_xact_id() AND t.booked_at = now()
                    AND a.currency = e.currency AND a.livemode = t.livemode
                    AND (a.merchant_id IS NULL OR a.merchant_id = t.merchant_id)
                FROM here.ledger_transaction t, here.ledger_account a
                WHERE t.id = e.transaction_id AND a.id = e.account_id
            ) AS fits
            FROM fresh e
        LOOP
            IF booking IS NULL THEN
                booking := line.transaction_id;
                money := line.currency;
            END IF;
            IF line.fits AND line.transaction_id = booking AND line.currency = money THEN
                total := total + line.amount_minor;
            ELSE
                total := NULL;
                EXIT;
            END IF;
        END LOOP;
        IF total = 0 THEN
            RETURN NULL;
        END IF;

        SELECT e.transaction_id, t.reference, e.currency, sum(e.amount_minor) AS difference INTO wrong
            FROM fresh e LEFT JOIN here.ledger_transaction t ON t.id = e.transaction_id
            GROUP BY e.transaction_id, t.reference, e.currency HAVING sum(e.amount_minor) <> 0 LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'ledger transaction % (%) is out of balance by % %', wrong.transaction_id,
                wrong.reference, wrong.difference, wrong.currency USING ERRCODE = 'check_violation';
        END IF;

        SELECT e.transaction_id, t.reference INTO wrong
            FROM fresh e LEFT JOIN here.ledger_transaction t ON t.id = e.transaction_id
            WHERE t.id IS NULL OR t.xid <> pg_current_xact_id() OR t.booked_at <> now() LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION
                'entries of ledger transaction % (%) must come in the database transaction of their header',
                wrong.transaction_id, wrong.reference USING ERRCODE = 'check_violation';
        END IF;

        SELECT e.transaction_id, t.reference, e.currency, t.livemode, t.merchant_id, e.account_id, a.address,
                a.currency AS account_currency, a.livemode AS account_livemode INTO wrong
            FROM fresh e JOIN here.ledger_transaction t ON t.id = e.transaction_id
            LEFT JOIN here.ledger_account a ON a.id = e.account_id
            WHERE a.id IS NULL OR a.currency <> e.currency OR a.livemode <> t.livemode
                OR a.merchant_id IS DISTINCT FROM t.merchant_id AND a.merchant_id IS NOT NULL LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION
                'ledger transaction % (% in livemode %, merchant %) does not fit account % (% % in livemode %)',
                wrong.transaction_id, wrong.currency, wrong.livemode, wrong.merchant_id, wrong.account_id,
                wrong.address, wrong.account_currency, wrong.account_livemode
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NULL;
    END
    """,
)

# With the tables named in full, a search_path of its own is no longer needed. Sequential scans stay off: see 0002.
PLANS = """
ALTER FUNCTION ledger_check_has_entries() SET enable_seqscan = off;
ALTER FUNCTION ledger_check_entries() SET enable_seqscan = off;
"""

UNDO = f"""
DROP TRIGGER frozen ON merchants_merchant;
DROP TRIGGER exact_opposite ON ledger_transaction;
DROP TRIGGER balanced ON ledger_entry;
DROP TRIGGER has_entries ON ledger_transaction;
DROP TRIGGER own_clock ON ledger_transaction;
DROP FUNCTION ledger_check_reversal();
DROP FUNCTION ledger_check_entries();
DROP FUNCTION ledger_check_has_entries();
DROP FUNCTION ledger_refuse_header();
{BEFORE.HEADER}
{BEFORE.ENTRIES}
{BEFORE.REVERSALS}
{BEFORE.SURROUNDINGS}
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_guards"), ("merchants", "0002_guards")]
    operations = [
        migrations.RunSQL([HEADER, columns_stay("merchants_merchant", []), ENTRIES, PLANS], UNDO),
        reworded(
            "ledger_transaction",
            "ledger_transaction_has_reference_and_kind",
            was="NOT (reference = '') AND NOT (kind = '')",
            now="reference > '' AND kind > ''",
        ),
        reworded(
            "ledger_transaction",
            "ledger_transaction_does_not_reverse_itself",
            was="reverses_id IS NULL OR NOT (reverses_id = id AND reverses_id IS NOT NULL)",
            now="reverses_id <> id",
        ),
        migrations.AlterField(
            model_name="ledgertransaction",
            name="merchant",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="merchants.merchant",
            ),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="account",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="entries",
                to="ledger.ledgeraccount",
            ),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="transaction",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="entries",
                to="ledger.ledgertransaction",
            ),
        ),
    ]
