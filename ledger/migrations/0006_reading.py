"""Sums of the books at any moment. One function reads them all, within one snapshot: the hours that are sealed, the
entries of the hour that is asked for, and what is not sealed yet."""

from importlib import import_module

from django.db import migrations

from core.append_only import in_this_schema

BEFORE = import_module("ledger.migrations.0004_limits")

# Nothing where no seal was made in this cluster: then nothing is taken from hours.
MARK = in_this_schema("""
    CREATE FUNCTION ledger_mark(OUT watermark xid8, OUT base_id bigint) LANGUAGE plpgsql STABLE AS $$
    BEGIN
        SELECT last.watermark, last.base_id INTO watermark, base_id FROM (
            SELECT * FROM here.ledger_seal ORDER BY number DESC LIMIT 1
        ) last, pg_control_system() AS cluster WHERE last.system_identifier = cluster.system_identifier;
    END $$
""")

# Planned anew at each call: by one account or by all, by a moment or not, are different ways through the indexes.
# `%1$s` and on are numbers, times and the schema, never a caller's text.
SUMS = in_this_schema("""
    CREATE FUNCTION ledger_sums(only_account bigint, moment timestamptz, by_occurred boolean)
    RETURNS TABLE (account_id bigint, debit numeric, credit numeric, entries numeric)
    LANGUAGE plpgsql STABLE AS $$
    DECLARE
        watermark xid8;
        base_id bigint;
        till timestamptz := coalesce(moment, 'infinity');
        this_hour timestamptz := date_trunc('hour', till, 'UTC');
        first_id bigint;
        last_id bigint;
        mine text := coalesce('account_id = ' || only_account, 'true');
        line text := 'SELECT e.account_id, greatest(e.amount_minor, 0)::numeric AS debit,
            greatest(-e.amount_minor, 0)::numeric AS credit, 1::numeric AS entries
            FROM here.ledger_transaction t JOIN here.ledger_entry e ON e.transaction_id = t.id WHERE ' || mine;
        query text;
    BEGIN
        SELECT m.watermark, m.base_id INTO watermark, base_id FROM here.ledger_mark() m;
        IF watermark IS NULL THEN
            query := format('%s AND t.booked_at <= %L', line, till);
        ELSE
            query := format('%s AND t.xid >= %L AND t.id > %s AND t.booked_at <= %L UNION ALL
                SELECT account_id, debit_minor, credit_minor, entries FROM here.ledger_hour WHERE hour < %L AND %s',
                line, watermark, base_id, till, this_hour, mine);
            EXECUTE format('SELECT min(first_entry_id), max(last_entry_id) FROM here.ledger_hour WHERE hour = %L AND %s',
                this_hour, mine) INTO first_id, last_id;
            IF first_id IS NOT NULL THEN
                query := format('%s UNION ALL %s AND e.id BETWEEN %s AND %s AND t.booked_at BETWEEN %L AND %L
                    AND (t.id <= %s OR t.xid < %L)',
                    query, line, first_id, last_id, this_hour, till, base_id, watermark);
            END IF;
        END IF;
        IF by_occurred AND moment IS NOT NULL THEN
            query := format('%1$s UNION ALL %2$s AND NOT t.occurred_at = t.booked_at AND t.occurred_at <= %3$L
                    AND greatest(t.occurred_at, t.booked_at) > %3$L
                UNION ALL SELECT account_id, -debit, -credit, -entries FROM (
                    %2$s AND NOT t.occurred_at = t.booked_at AND t.booked_at <= %3$L
                    AND greatest(t.occurred_at, t.booked_at) > %3$L) not_yet', query, line, moment);
        END IF;
        RETURN QUERY EXECUTE format('SELECT account_id, sum(debit), sum(credit), sum(entries) FROM (%s) every
            GROUP BY account_id', query);
    END $$
""")

BALANCE = in_this_schema("""
    CREATE OR REPLACE FUNCTION ledger_balance(account bigint) RETURNS numeric LANGUAGE plpgsql STABLE AS $$
    BEGIN
        RETURN coalesce((SELECT debit - credit FROM here.ledger_sums(account, NULL, false)), 0);
    END $$
""")
PLANS = "ALTER FUNCTION ledger_balance(bigint) SET enable_seqscan = off;"

UNDO = [
    BEFORE.BALANCE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"),
    PLANS,
    "DROP FUNCTION ledger_sums(bigint, timestamptz, boolean); DROP FUNCTION ledger_mark();",
]


class Migration(migrations.Migration):
    dependencies = [("ledger", "0005_seals")]
    operations = [migrations.RunSQL([MARK, SUMS, BALANCE, PLANS], UNDO)]
