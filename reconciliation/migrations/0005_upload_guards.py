"""An upload stays as it was handed in. What was proposed for a break and is neither approved nor waits for approval may
be proposed anew: counted, and told in its history."""

from django.db import migrations

from core.append_only import forward_only, trigger_function


def keep_break(may_be_said: str, may_be_approved: str = "true") -> str:
    """`may_be_said`: when a proposal's words may change, and the count of proposals with them."""
    return trigger_function(
        "reconciliation_keep_break",
        f"""
        BEGIN
            IF NEW.kind <> OLD.kind AND NOT (OLD.kind = 'timing' AND NEW.kind = 'missing_there' AND OLD.state = 'open')
                OR (OLD.proposed_by, OLD.resolution, OLD.reason, OLD.proposals)
                    IS DISTINCT FROM (NEW.proposed_by, NEW.resolution, NEW.reason, NEW.proposals)
                    AND NOT ({may_be_said})
                OR OLD.state = 'proposed' AND NEW.state = 'approved' AND NOT ({may_be_approved})
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


PROPOSED_ANEW = """
    NEW.state = 'proposed' AND NEW.proposals = OLD.proposals + 1 AND (OLD.state = 'open' OR OLD.state = 'proposed'
        AND NOT EXISTS (SELECT FROM here.controls_approval
            WHERE action = 'resolve_break' AND subject = OLD.public_id AND state IN ('open', 'approved')))
"""
# What somebody has refused, or nobody has decided on in time, is approved under no other name.
NOT_REFUSED = """
    NOT OLD.needs_second_person OR coalesce((SELECT state FROM here.controls_approval
        WHERE action = 'resolve_break' AND subject = OLD.public_id ORDER BY id DESC LIMIT 1), '')
        NOT IN ('refused', 'expired')
"""
TOLD = trigger_function(
    "reconciliation_proposal_is_told",
    """
    BEGIN
        IF NOT EXISTS (
            SELECT FROM here.reconciliation_breakentry
            WHERE about_id = NEW.id AND kind = 'proposed' AND data ->> 'number' = NEW.proposals::text
                AND actor = NEW.proposed_by AND text = NEW.reason AND data ->> 'resolution' = NEW.resolution
        ) THEN
            RAISE EXCEPTION 'proposal % for break % is not in its history', NEW.proposals, NEW.public_id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NULL;
    END
    """,
)
TELL = f"""
{keep_break(PROPOSED_ANEW, NOT_REFUSED)}
{TOLD}
CREATE CONSTRAINT TRIGGER proposed_in_history AFTER UPDATE OF proposals ON reconciliation_break
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.proposals <> NEW.proposals)
    EXECUTE FUNCTION reconciliation_proposal_is_told();
"""
UNDO = f"""
DROP TRIGGER proposed_in_history ON reconciliation_break;
DROP FUNCTION reconciliation_proposal_is_told();
{keep_break("OLD.state = 'open'")}
"""


class Migration(migrations.Migration):
    dependencies = [("reconciliation", "0004_uploads"), ("controls", "0004_approval_guards")]
    operations = [
        forward_only(
            "reconciliation_upload",
            births=["waiting"],
            moves=[("waiting", "taken"), ("waiting", "refused")],
            frozen="source livemode name sha256 content size uploaded_at uploaded_by".split(),
        ),
        migrations.RunSQL(TELL, UNDO),
    ]
