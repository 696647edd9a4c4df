from django.db import migrations

from core.append_only import append_only, trigger_function

# As in 0002, and shredding: with a record of it, and never back.
KEEP_CARD = trigger_function(
    "vault_keep_card",
    """
    BEGIN
        IF (OLD.public_id, OLD.merchant, OLD.livemode, OLD.last4, OLD.exp_month, OLD.exp_year, OLD.cvc_given)
               IS NOT DISTINCT FROM
           (NEW.public_id, NEW.merchant, NEW.livemode, NEW.last4, NEW.exp_month, NEW.exp_year, NEW.cvc_given)
           AND OLD.shredded_at IS NULL AND NEW.shredded_at IS NOT NULL
           AND EXISTS (SELECT FROM here.vault_shredding s
                       WHERE (s.kind, s.subject) IN (('card', OLD.public_id), ('merchant', OLD.merchant))) THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION '% of % is refused by rule "%"', TG_OP, TG_TABLE_NAME, TG_NAME
            USING ERRCODE = 'restrict_violation';
    END
    """,
)

# A key is made, retired, and gone once nothing is under it; or it is shredded, with a record, and stays empty.
KEEP_KEY = trigger_function(
    "vault_keep_merchant_key",
    """
    BEGIN
        IF TG_OP = 'DELETE' THEN
            IF OLD.retired_at IS NOT NULL AND OLD.wrapped <> '' THEN
                RETURN OLD;
            END IF;
        ELSIF NEW.wrapped = '' THEN
            IF EXISTS (SELECT FROM here.vault_shredding s WHERE (s.kind, s.subject) = ('merchant', NEW.merchant))
               AND (TG_OP = 'INSERT'
                    OR (OLD.wrapped <> '' AND (OLD.id, OLD.merchant, OLD.key_version, OLD.retired_at)
                        IS NOT DISTINCT FROM (NEW.id, NEW.merchant, NEW.key_version, NEW.retired_at))) THEN
                RETURN NEW;
            END IF;
        ELSIF TG_OP = 'INSERT' THEN
            RETURN NEW;
        ELSIF (OLD.id, OLD.merchant, OLD.key_version, OLD.wrapped) = (NEW.id, NEW.merchant, NEW.key_version, NEW.wrapped)
              AND OLD.retired_at IS NULL THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION '% of % is refused by rule "%"', TG_OP, TG_TABLE_NAME, TG_NAME
            USING ERRCODE = 'restrict_violation';
    END
    """,
)

# When is PostgreSQL's word, not the caller's.
STAMP = trigger_function("vault_stamp", "BEGIN NEW.at := clock_timestamp(); RETURN NEW; END")

GUARDS = f"""
{KEEP_CARD}
DROP TRIGGER card_is_kept_as_it_came ON vault_card;
CREATE TRIGGER card_is_kept_as_it_came BEFORE UPDATE ON vault_card FOR EACH ROW
    WHEN ((OLD.public_id, OLD.merchant, OLD.livemode, OLD.number, OLD.fingerprint, OLD.last4, OLD.exp_month,
           OLD.exp_year, OLD.cvc_given, OLD.shredded_at) IS DISTINCT FROM
          (NEW.public_id, NEW.merchant, NEW.livemode, NEW.number, NEW.fingerprint, NEW.last4, NEW.exp_month,
           NEW.exp_year, NEW.cvc_given, NEW.shredded_at))
    EXECUTE FUNCTION vault_keep_card();
CREATE TRIGGER kept BEFORE DELETE ON vault_card FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER kept_whole BEFORE TRUNCATE ON vault_card
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();
ALTER TABLE vault_card ADD CONSTRAINT a_card_is_under_one_key_or_empty CHECK (
    CASE WHEN shredded_at IS NULL
         THEN number <> '' AND wrapped_key <> '' AND (key_version IS NULL) <> (merchant_key_id IS NULL)
         ELSE number = '' AND wrapped_key = '' AND key_version IS NULL AND merchant_key_id IS NULL
              AND fingerprint = '' AND billing = '{{}}' AND metadata = '{{}}' AND client_ip IS NULL
    END);

{KEEP_KEY}
CREATE TRIGGER kept BEFORE INSERT OR UPDATE OR DELETE ON vault_merchantkey
    FOR EACH ROW EXECUTE FUNCTION vault_keep_merchant_key();
CREATE TRIGGER kept_whole BEFORE TRUNCATE ON vault_merchantkey
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();

{STAMP}
CREATE TRIGGER stamped BEFORE INSERT ON vault_decryption FOR EACH ROW EXECUTE FUNCTION vault_stamp();
CREATE TRIGGER stamped BEFORE INSERT ON vault_shredding FOR EACH ROW EXECUTE FUNCTION vault_stamp();
"""

GONE = """
DROP TRIGGER stamped ON vault_shredding;
DROP TRIGGER stamped ON vault_decryption;
DROP FUNCTION vault_stamp();
DROP TRIGGER kept_whole ON vault_merchantkey;
DROP TRIGGER kept ON vault_merchantkey;
DROP FUNCTION vault_keep_merchant_key();
ALTER TABLE vault_card DROP CONSTRAINT a_card_is_under_one_key_or_empty;
DROP TRIGGER kept_whole ON vault_card;
DROP TRIGGER kept ON vault_card;
DROP TRIGGER card_is_kept_as_it_came ON vault_card;
DROP FUNCTION vault_keep_card();
CREATE TRIGGER card_is_kept_as_it_came BEFORE UPDATE ON vault_card FOR EACH ROW
    WHEN ((OLD.public_id, OLD.merchant, OLD.livemode, OLD.number, OLD.fingerprint, OLD.last4, OLD.exp_month,
           OLD.exp_year, OLD.cvc_given) IS DISTINCT FROM
          (NEW.public_id, NEW.merchant, NEW.livemode, NEW.number, NEW.fingerprint, NEW.last4, NEW.exp_month,
           NEW.exp_year, NEW.cvc_given))
    EXECUTE FUNCTION core_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("vault", "0003_merchant_keys")]
    operations = [
        migrations.RunSQL(GUARDS, GONE),
        append_only("vault_decryption"),
        append_only("vault_shredding"),
    ]
