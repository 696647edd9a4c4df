"""What PostgreSQL itself holds of approvals: what is asked for stays, states move forward, a decision is made once,
in time, and by somebody else."""

from django.db import migrations

from core.append_only import forward_only, trigger_function

ONCE = """
BEGIN
    IF OLD.checker_id IS NOT NULL AND (NEW.checker_id, NEW.decided_at, NEW.decision)
            IS DISTINCT FROM (OLD.checker_id, OLD.decided_at, OLD.decision) THEN
        RAISE EXCEPTION 'approval % is decided already', OLD.public_id USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = 'approved' AND OLD.state = 'open' AND clock_timestamp() > OLD.expires_at THEN
        RAISE EXCEPTION 'approval % has expired', OLD.public_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
"""


class Migration(migrations.Migration):
    dependencies = [("controls", "0003_approvals"), ("core", "0001_guards")]
    operations = [
        forward_only(
            "controls_approval",
            births=["open"],
            moves=[
                ("open", "approved"),
                ("open", "refused"),
                ("open", "expired"),
                ("approved", "done"),
                ("approved", "failed"),
            ],
            frozen=[
                *(
                    "public_id",
                    "key",
                    "action",
                    "subject",
                    "summary",
                    "parameters",
                    "livemode",
                    "merchant_id",
                ),
                *("currency", "amount_minor", "maker_id", "reason", "created_at", "expires_at"),
            ],
        ),
        migrations.RunSQL(
            trigger_function("controls_approval_once", ONCE)
            + """
            CREATE TRIGGER decided_once BEFORE UPDATE ON controls_approval
                FOR EACH ROW EXECUTE FUNCTION controls_approval_once();
            """,
            """
            DROP TRIGGER decided_once ON controls_approval;
            DROP FUNCTION controls_approval_once();
            """,
        ),
    ]
