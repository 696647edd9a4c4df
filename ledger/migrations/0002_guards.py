"""The rules of the ledger as PostgreSQL keeps them, whoever writes."""

from django.db import migrations

from core.append_only import append_only

# Both clocks of the header's database transaction are ours: a forged xid would open the header to a later
# append, a forged booked_at would rewrite what was known when. They are checked by a trigger, not a CHECK,
# because a dump is restored by another transaction.
HEADER = """
CREATE FUNCTION ledger_refuse_header() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger transaction % must carry this database transaction''s own xid and booked_at',
        NEW.reference USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER own_clock BEFORE INSERT ON ledger_transaction FOR EACH ROW
    WHEN (NEW.xid <> pg_current_xact_id() OR NEW.booked_at <> now())
    EXECUTE FUNCTION ledger_refuse_header();

CREATE FUNCTION ledger_check_has_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM ledger_entry WHERE transaction_id = NEW.id) THEN
        RAISE EXCEPTION 'ledger transaction % has no entries', NEW.reference
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER has_entries AFTER INSERT ON ledger_transaction
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_check_has_entries();
"""

# One check per statement: all entries of a transaction arrive in one. The first query answers whether
# anything is wrong, the others say what.
ENTRIES = """
CREATE FUNCTION ledger_check_entries() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong record;
BEGIN
    IF NOT EXISTS (
        SELECT FROM fresh e
        LEFT JOIN ledger_transaction t ON t.id = e.transaction_id
        LEFT JOIN ledger_account a ON a.id = e.account_id
        GROUP BY e.transaction_id, e.currency
        HAVING sum(e.amount_minor) <> 0 OR NOT bool_and(
            t.xid IS NOT DISTINCT FROM pg_current_xact_id() AND t.booked_at = now()
            AND a.currency IS NOT DISTINCT FROM e.currency AND a.livemode = t.livemode
            AND (a.merchant_id IS NULL OR a.merchant_id IS NOT DISTINCT FROM t.merchant_id))
    ) THEN
        RETURN NULL;
    END IF;

    SELECT e.transaction_id, t.reference, e.currency, sum(e.amount_minor) AS difference INTO wrong
        FROM fresh e LEFT JOIN ledger_transaction t ON t.id = e.transaction_id
        GROUP BY e.transaction_id, t.reference, e.currency HAVING sum(e.amount_minor) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'ledger transaction % (%) is out of balance by % %', wrong.transaction_id,
            wrong.reference, wrong.difference, wrong.currency USING ERRCODE = 'check_violation';
    END IF;

    SELECT e.transaction_id, t.reference INTO wrong
        FROM fresh e LEFT JOIN ledger_transaction t ON t.id = e.transaction_id
        WHERE t.id IS NULL OR t.xid <> pg_current_xact_id() OR t.booked_at <> now() LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'entries of ledger transaction % (%) must come in the database transaction of their header',
            wrong.transaction_id, wrong.reference USING ERRCODE = 'check_violation';
    END IF;

    SELECT e.transaction_id, t.reference, e.currency, t.livemode, t.merchant_id,
            e.account_id, a.address, a.currency AS account_currency, a.livemode AS account_livemode INTO wrong
        FROM fresh e JOIN ledger_transaction t ON t.id = e.transaction_id
        LEFT JOIN ledger_account a ON a.id = e.account_id
        WHERE a.id IS NULL OR a.currency <> e.currency OR a.livemode <> t.livemode
            OR a.merchant_id IS DISTINCT FROM t.merchant_id AND a.merchant_id IS NOT NULL LIMIT 1;
    RAISE EXCEPTION 'ledger transaction % (% in livemode %, merchant %) does not fit account % (% % in livemode %)',
        wrong.transaction_id, wrong.currency, wrong.livemode, wrong.merchant_id,
        wrong.account_id, wrong.address, wrong.account_currency, wrong.account_livemode
        USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER balanced AFTER INSERT ON ledger_entry REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_check_entries();
"""

REVERSALS = """
CREATE FUNCTION ledger_check_reversal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT account_id, amount_minor FROM (
            SELECT account_id, -amount_minor AS amount_minor, 1 AS one FROM ledger_entry
                WHERE transaction_id = NEW.reverses_id
            UNION ALL
            SELECT account_id, amount_minor, -1 FROM ledger_entry WHERE transaction_id = NEW.id
        ) both_sides GROUP BY account_id, amount_minor HAVING sum(one) <> 0
    ) THEN
        RAISE EXCEPTION 'ledger transaction % is not the exact opposite of transaction %, which it reverses',
            NEW.reference, NEW.reverses_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER exact_opposite AFTER INSERT ON ledger_transaction
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.reverses_id IS NOT NULL)
    EXECUTE FUNCTION ledger_check_reversal();
"""

# A caller's temporary table or search_path must not stand in for the books. Without sequential scans, because
# a session keeps the plan it made while the tables were nearly empty: after 10,000 postings each check then
# read them all and took ten times as long.
SURROUNDINGS = """
DO $$
DECLARE
    guard regproc;
BEGIN
    FOREACH guard IN ARRAY ARRAY['ledger_refuse_header', 'ledger_check_has_entries',
                                 'ledger_check_entries', 'ledger_check_reversal']::regproc[] LOOP
        EXECUTE format('ALTER FUNCTION %s() SET search_path = pg_catalog, %I, pg_temp',
                       guard, current_schema());
        EXECUTE format('ALTER FUNCTION %s() SET enable_seqscan = off', guard);
    END LOOP;
END $$;

-- The same for the foreign keys' own checks, whose plans nobody can set: no statistics are better than those
-- of a handful of rows, which make a sequential scan look cheap.
ALTER TABLE ledger_transaction SET (autovacuum_analyze_threshold = 5000);
"""

UNDO = """
ALTER TABLE ledger_transaction RESET (autovacuum_analyze_threshold);
DROP TRIGGER exact_opposite ON ledger_transaction;
DROP TRIGGER balanced ON ledger_entry;
DROP TRIGGER has_entries ON ledger_transaction;
DROP TRIGGER own_clock ON ledger_transaction;
DROP FUNCTION ledger_check_reversal();
DROP FUNCTION ledger_check_entries();
DROP FUNCTION ledger_check_has_entries();
DROP FUNCTION ledger_refuse_header();
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial"), ("core", "0001_guards")]
    operations = [
        migrations.RunSQL(HEADER + ENTRIES + REVERSALS + SURROUNDINGS, UNDO),
        append_only("ledger_account"),
        append_only("ledger_transaction"),
        append_only("ledger_entry"),
    ]
