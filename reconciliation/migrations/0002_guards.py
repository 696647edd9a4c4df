"""The rules of reconciliation as PostgreSQL keeps them: what was reported stays as it came, breaks go only forward and
are never deleted, and each step of theirs is in their history."""

from django.db import migrations

from core.append_only import append_only, forward_only, trigger_function

# A match says once what a line settles; nothing else of it changes.
MATCH = trigger_function(
    "reconciliation_keep_match",
    """
    BEGIN
        IF TG_OP = 'UPDATE' AND NOT OLD.settles AND NEW.settles
            AND (OLD.line_id, OLD.file_id, OLD.result, OLD.owed_minor, OLD.fee_minor)
                IS NOT DISTINCT FROM (NEW.line_id, NEW.file_id, NEW.result, NEW.owed_minor, NEW.fee_minor) THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'the match of report line % stays as it is', OLD.line_id
            USING ERRCODE = 'integrity_constraint_violation';
    END
    """,
)
KEEP_MATCH = f"""
{MATCH}
CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON reconciliation_match
    FOR EACH ROW EXECUTE FUNCTION reconciliation_keep_match();
CREATE TRIGGER kept_whole BEFORE TRUNCATE ON reconciliation_match
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();
"""
UNDO_MATCH = """
DROP TRIGGER kept_whole ON reconciliation_match;
DROP TRIGGER kept ON reconciliation_match;
DROP FUNCTION reconciliation_keep_match();
"""

# What was said in one step is not unsaid in a later one. Waiting may turn into missing, and into nothing else.
BREAK = trigger_function(
    "reconciliation_keep_break",
    """
    BEGIN
        IF NEW.kind <> OLD.kind AND NOT (OLD.kind = 'timing' AND NEW.kind = 'missing_there' AND OLD.state = 'open')
            OR OLD.state <> 'open' AND (OLD.proposed_by, OLD.resolution, OLD.reason)
                IS DISTINCT FROM (NEW.proposed_by, NEW.resolution, NEW.reason)
            OR OLD.state IN ('approved', 'resolved') AND OLD.approved_by <> NEW.approved_by
            OR OLD.state = 'resolved' AND (OLD.resolved_by, OLD.resolved_at, OLD.ledger_reference)
                IS DISTINCT FROM (NEW.resolved_by, NEW.resolved_at, NEW.ledger_reference) THEN
            RAISE EXCEPTION 'break % is %: what was said of it stays', OLD.public_id, OLD.state
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END
    """,
)
TOLD = trigger_function(
    "reconciliation_break_is_told",
    """
    BEGIN
        IF NOT EXISTS (
            SELECT FROM here.reconciliation_breakentry WHERE about_id = NEW.id AND state = NEW.state
        ) THEN
            RAISE EXCEPTION 'break % is % without a word of it in its history', NEW.public_id, NEW.state
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NULL;
    END
    """,
)
KEEP_BREAK = f"""
{BREAK}
CREATE TRIGGER said_once BEFORE UPDATE ON reconciliation_break
    FOR EACH ROW EXECUTE FUNCTION reconciliation_keep_break();
{TOLD}
CREATE CONSTRAINT TRIGGER born_in_history AFTER INSERT ON reconciliation_break
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION reconciliation_break_is_told();
CREATE CONSTRAINT TRIGGER moved_in_history AFTER UPDATE OF state ON reconciliation_break
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.state <> NEW.state)
    EXECUTE FUNCTION reconciliation_break_is_told();
"""
UNDO_BREAK = """
DROP TRIGGER moved_in_history ON reconciliation_break;
DROP TRIGGER born_in_history ON reconciliation_break;
DROP FUNCTION reconciliation_break_is_told();
DROP TRIGGER said_once ON reconciliation_break;
DROP FUNCTION reconciliation_keep_break();
"""


class Migration(migrations.Migration):
    dependencies = [("reconciliation", "0001_initial"), ("core", "0001_guards")]
    operations = [
        append_only("reconciliation_reportline"),
        append_only("reconciliation_breakentry"),
        forward_only(
            "reconciliation_reportfile",
            births=["matched"],
            moves=[("matched", "posted")],
            frozen="source livemode day format name sha256 line_count imported_at imported_by".split(),
        ),
        migrations.RunSQL(KEEP_MATCH, UNDO_MATCH),
        forward_only(
            "reconciliation_break",
            births=["open"],
            moves=[("open", "proposed"), ("proposed", "approved"), ("approved", "resolved")],
            frozen=(
                "public_id subject source livemode currency at_risk_minor suspense_minor line_id booking_id "
                "reference since opened_at needs_second_person"
            ).split(),
        ),
        migrations.RunSQL(KEEP_BREAK, UNDO_BREAK),
    ]
