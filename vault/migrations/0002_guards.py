from django.db import migrations

GUARDS = """
CREATE TRIGGER card_is_kept_as_it_came BEFORE UPDATE ON vault_card FOR EACH ROW
    WHEN ((OLD.public_id, OLD.merchant, OLD.livemode, OLD.number, OLD.fingerprint, OLD.last4, OLD.exp_month,
           OLD.exp_year, OLD.cvc_given) IS DISTINCT FROM
          (NEW.public_id, NEW.merchant, NEW.livemode, NEW.number, NEW.fingerprint, NEW.last4, NEW.exp_month,
           NEW.exp_year, NEW.cvc_given))
    EXECUTE FUNCTION core_refuse_change();

-- Spent once; unused again only where its last counted call is taken back.
CREATE TRIGGER card_is_spent_once BEFORE UPDATE ON vault_card FOR EACH ROW
    WHEN (OLD.reference IS NOT NULL AND OLD.reference IS DISTINCT FROM NEW.reference
          AND NOT (NEW.reference IS NULL AND OLD.attempts = 1 AND NEW.attempts = 0))
    EXECUTE FUNCTION core_refuse_change();

CREATE TRIGGER revoked_for_ever BEFORE UPDATE ON vault_publishablekey FOR EACH ROW
    WHEN ((OLD.revoked AND NOT NEW.revoked)
          OR (OLD.hash, OLD.merchant, OLD.livemode) IS DISTINCT FROM (NEW.hash, NEW.merchant, NEW.livemode))
    EXECUTE FUNCTION core_refuse_change();

CREATE TRIGGER answer_is_final BEFORE UPDATE ON vault_answer FOR EACH ROW
    EXECUTE FUNCTION core_refuse_change();
"""

GONE = """
DROP TRIGGER answer_is_final ON vault_answer;
DROP TRIGGER revoked_for_ever ON vault_publishablekey;
DROP TRIGGER card_is_spent_once ON vault_card;
DROP TRIGGER card_is_kept_as_it_came ON vault_card;
"""


class Migration(migrations.Migration):
    dependencies = [("vault", "0001_initial"), ("core", "0001_guards")]
    operations = [migrations.RunSQL(GUARDS, GONE)]
