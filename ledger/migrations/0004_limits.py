"""Balance limits, as PostgreSQL holds them: who moves a limited account up locks it first, then sums, in two
statements, since a sum in the statement that waits for the lock would see the past."""

from importlib import import_module

import django.contrib.postgres.functions
import django.db.models.deletion
from django.db import migrations, models

from core.append_only import append_only, in_this_schema, trigger_function

BEFORE = import_module("ledger.migrations.0003_lean_guards")

BALANCE = in_this_schema("""
    CREATE FUNCTION ledger_balance(account bigint) RETURNS numeric LANGUAGE plpgsql STABLE AS $$
    BEGIN
        RETURN (SELECT coalesce(sum(amount_minor), 0) FROM here.ledger_entry WHERE account_id = account);
    END $$
""")

# With the owner's rights: a row lock takes the privilege to update, which the application has not.
# A transaction that sees one moment all along would sum what was true before it waited.
LOCKS = [
    in_this_schema("""
    CREATE FUNCTION ledger_lock_account(account bigint) RETURNS void LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        IF current_setting('transaction_isolation') <> 'read committed' THEN
            RAISE EXCEPTION 'limited accounts are moved in read committed transactions, not in %',
                current_setting('transaction_isolation') USING ERRCODE = 'invalid_transaction_state';
        END IF;
        PERFORM FROM here.ledger_account WHERE id = account FOR NO KEY UPDATE;
    END $$
"""),
    in_this_schema("""
    CREATE FUNCTION ledger_limit_of(account bigint, booked_kind text) RETURNS bigint LANGUAGE plpgsql AS $$
    BEGIN
        RETURN (SELECT max_balance_minor FROM here.ledger_limit
            WHERE account_id = account AND kind IN ('', booked_kind) ORDER BY kind DESC, id DESC LIMIT 1);
    END $$
"""),
    in_this_schema("""
    CREATE FUNCTION ledger_lock_limited(accounts bigint[], booked_kind text)
    RETURNS TABLE (account_id bigint, max_balance_minor bigint) LANGUAGE plpgsql AS $$
    BEGIN
        FOR account_id IN SELECT DISTINCT unnest(accounts) ORDER BY 1 LOOP
            IF here.ledger_limit_of(account_id, booked_kind) IS NOT NULL THEN
                PERFORM here.ledger_lock_account(account_id);
                -- It may have been changed by whom we waited for.
                max_balance_minor := here.ledger_limit_of(account_id, booked_kind);
                IF max_balance_minor IS NOT NULL THEN
                    RETURN NEXT;
                END IF;
            END IF;
        END LOOP;
    END $$
"""),
    trigger_function(
        "ledger_limits_come_one_by_one",
        """
        BEGIN
            PERFORM here.ledger_lock_account(NEW.account_id);
            RETURN NEW;
        END
        """,
    ),
    """
    CREATE TRIGGER one_by_one BEFORE INSERT ON ledger_limit
        FOR EACH ROW EXECUTE FUNCTION ledger_limits_come_one_by_one();
""",
]

# What 0003 checks, in the same loop; and whether a line may go toward a limit, which nearly none does.
ENTRIES = trigger_function(
    "ledger_check_entries",
    """
    DECLARE
        line record;
        booking bigint;
        money text;
        total numeric := 0;
        limited boolean := false;
        wrong record;
        bound record;
        balance numeric;
    BEGIN
        FOR line IN
            SELECT e.transaction_id, e.currency, e.amount_minor, (
                SELECT t.xid = pg_current_xact_id() AND t.booked_at = now()
                    AND a.currency = e.currency AND a.livemode = t.livemode
                    AND (a.merchant_id IS NULL OR a.merchant_id = t.merchant_id)
                FROM here.ledger_transaction t, here.ledger_account a
                WHERE t.id = e.transaction_id AND a.id = e.account_id
            ) AS fits,
            e.amount_minor > 0 AND EXISTS (
                SELECT FROM here.ledger_limit l WHERE l.account_id = e.account_id) AS limited
            FROM fresh e
        LOOP
            IF booking IS NULL THEN
                booking := line.transaction_id;
                money := line.currency;
            END IF;
            limited := limited OR line.limited;
            IF line.fits AND line.transaction_id = booking AND line.currency = money THEN
                total := total + line.amount_minor;
            ELSE
                total := NULL;
                limited := true;
                EXIT;
            END IF;
        END LOOP;
        IF total = 0 AND NOT limited THEN
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

        FOR wrong IN
            SELECT t.id, t.reference, t.kind, array_agg(up.account_id) AS accounts
            FROM (SELECT e.transaction_id, e.account_id FROM fresh e GROUP BY e.transaction_id, e.account_id
                  HAVING sum(e.amount_minor) > 0) up
            JOIN here.ledger_transaction t ON t.id = up.transaction_id GROUP BY t.id ORDER BY t.id
        LOOP
            FOR bound IN SELECT * FROM here.ledger_lock_limited(wrong.accounts, wrong.kind) LOOP
                balance := here.ledger_balance(bound.account_id);
                IF balance > bound.max_balance_minor THEN
                    RAISE EXCEPTION
                        'ledger transaction % (% of kind %) takes account % to %, its limit is %', wrong.id,
                        wrong.reference, wrong.kind, bound.account_id, balance, bound.max_balance_minor
                        USING ERRCODE = 'check_violation', CONSTRAINT = 'within_limits';
                END IF;
            END LOOP;
        END LOOP;
        RETURN NULL;
    END
    """,
)
PLANS = "".join(
    f"ALTER FUNCTION {name} SET enable_seqscan = off;"
    for name in ("ledger_check_entries()", "ledger_balance(bigint)", "ledger_limit_of(bigint, text)")
)

UNDO = f"""
{BEFORE.ENTRIES}
{BEFORE.PLANS}
DROP TRIGGER one_by_one ON ledger_limit;
DROP FUNCTION ledger_limits_come_one_by_one();
DROP FUNCTION ledger_lock_limited(bigint[], text);
DROP FUNCTION ledger_limit_of(bigint, text);
DROP FUNCTION ledger_lock_account(bigint);
DROP FUNCTION ledger_balance(bigint);
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_lean_guards")]
    operations = [
        migrations.CreateModel(
            name="LedgerLimit",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.TextField(blank=True, db_default="", default="")),
                ("max_balance_minor", models.BigIntegerField(null=True)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.contrib.postgres.functions.TransactionNow(), editable=False
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="limits",
                        to="ledger.ledgeraccount",
                    ),
                ),
            ],
            options={
                "db_table": "ledger_limit",
                "indexes": [
                    models.Index(fields=["account", "kind", "id"], name="ledger_limit_latest"),
                ],
            },
        ),
        migrations.RunSQL([BALANCE, *LOCKS, ENTRIES, PLANS], UNDO),
        append_only("ledger_limit"),
    ]
