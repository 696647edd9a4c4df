"""An answer that was kept stays as it is, until the whole claim is forgotten."""

from django.db import migrations

from core.append_only import analyzed_late

KEPT = """
CREATE TRIGGER answered_once BEFORE UPDATE ON idempotency_claim FOR EACH ROW
    WHEN (OLD.answered_at IS NOT NULL OR (OLD.key, OLD.merchant_id, OLD.livemode, OLD.fingerprint)
          IS DISTINCT FROM (NEW.key, NEW.merchant_id, NEW.livemode, NEW.fingerprint))
    EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER open_claims_stay BEFORE DELETE ON idempotency_claim FOR EACH ROW
    WHEN (OLD.answered_at IS NULL) EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER claims_stay BEFORE TRUNCATE ON idempotency_claim
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();
"""
UNDO = """
DROP TRIGGER claims_stay ON idempotency_claim;
DROP TRIGGER open_claims_stay ON idempotency_claim;
DROP TRIGGER answered_once ON idempotency_claim;
"""


class Migration(migrations.Migration):
    dependencies = [("idempotency", "0001_initial"), ("core", "0001_guards")]
    operations = [migrations.RunSQL(KEPT, UNDO), analyzed_late("idempotency_claim")]
