"""Checkout sessions: pages at which a cardholder pays an intent of their own."""

import functools

import django.db.models.deletion
import django.db.models.functions.datetime
import django_fsm
from django.db import migrations, models

import core.ids
from core.append_only import forward_only, trigger_function

# A session is born with an intent of its own, whose amount is the sum of what is sold.
BORN = trigger_function(
    "payments_checkout_born",
    """
    DECLARE
        total numeric;
    BEGIN
        SELECT sum((item->>'unit_minor')::numeric * (item->>'quantity')::numeric) INTO total
            FROM jsonb_array_elements(NEW.items) item
            WHERE (item->>'unit_minor')::numeric >= 0 AND (item->>'quantity')::numeric >= 1;
        PERFORM FROM here.payments_paymentintent intent WHERE intent.id = NEW.payment_intent_id
            AND intent.merchant_id = NEW.merchant_id AND intent.livemode = NEW.livemode
            AND intent.amount_minor = NEW.amount_minor AND intent.currency = NEW.currency;
        IF NOT FOUND OR total IS DISTINCT FROM NEW.amount_minor::numeric THEN
            RAISE EXCEPTION 'checkout session % of % % does not fit its intent and its items', NEW.public_id,
                NEW.amount_minor, NEW.currency USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END
    """,
)
# It ends as its intent does.
ENDED = trigger_function(
    "payments_checkout_ended",
    """
    BEGIN
        IF NEW.state <> OLD.state AND NOT EXISTS (
            SELECT FROM here.payments_paymentintent intent WHERE intent.id = NEW.payment_intent_id AND intent.state = ANY (
                CASE NEW.state WHEN 'complete' THEN ARRAY['succeeded', 'requires_capture'] ELSE ARRAY['canceled'] END)
        ) THEN
            RAISE EXCEPTION 'checkout session % is not % while its intent is otherwise', NEW.public_id, NEW.state
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END
    """,
)
# What a cardholder was shown is what they pay.
PRICED = trigger_function(
    "payments_checkout_priced",
    """
    BEGIN
        IF (OLD.amount_minor, OLD.currency) IS DISTINCT FROM (NEW.amount_minor, NEW.currency)
            AND EXISTS (SELECT FROM here.payments_checkoutsession s WHERE s.payment_intent_id = NEW.id) THEN
            RAISE EXCEPTION 'the amount of intent % is that of its checkout session', NEW.public_id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END
    """,
)
GUARDS = f"""
{BORN}
{ENDED}
{PRICED}
CREATE TRIGGER fits BEFORE INSERT ON payments_checkoutsession
    FOR EACH ROW EXECUTE FUNCTION payments_checkout_born();
CREATE TRIGGER ends BEFORE UPDATE OF state ON payments_checkoutsession
    FOR EACH ROW EXECUTE FUNCTION payments_checkout_ended();
CREATE TRIGGER priced_by_checkout BEFORE UPDATE OF amount_minor, currency ON payments_paymentintent
    FOR EACH ROW EXECUTE FUNCTION payments_checkout_priced();
"""
GONE = """
DROP TRIGGER priced_by_checkout ON payments_paymentintent;
DROP TRIGGER ends ON payments_checkoutsession;
DROP TRIGGER fits ON payments_checkoutsession;
DROP FUNCTION payments_checkout_priced();
DROP FUNCTION payments_checkout_ended();
DROP FUNCTION payments_checkout_born();
"""
FROZEN = [
    *("merchant_id", "livemode", "created_at", "payment_intent_id", "amount_minor", "currency", "items"),
    *(
        "success_url",
        "cancel_url",
        "customer_email",
        "client_reference_id",
        "locale",
        "metadata",
        "expires_at",
    ),
]


class Migration(migrations.Migration):
    dependencies = [("merchants", "0007_allowed_origins"), ("payments", "0020_judged")]
    operations = [
        migrations.CreateModel(
            name="CheckoutSession",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("livemode", models.BooleanField()),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "public_id",
                    models.CharField(
                        default=functools.partial(core.ids.new_id, "cs"), editable=False, max_length=40
                    ),
                ),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[("open", "Open"), ("complete", "Complete"), ("expired", "Expired")],
                        default="open",
                        max_length=8,
                        protected=True,
                    ),
                ),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("items", models.JSONField()),
                ("success_url", models.CharField(blank=True, db_default="", default="", max_length=2000)),
                ("cancel_url", models.CharField(blank=True, db_default="", default="", max_length=2000)),
                ("customer_email", models.CharField(blank=True, db_default="", default="", max_length=320)),
                (
                    "client_reference_id",
                    models.CharField(blank=True, db_default="", default="", max_length=200),
                ),
                ("locale", models.CharField(blank=True, db_default="", default="", max_length=8)),
                ("metadata", models.JSONField(default=dict)),
                ("expires_at", models.DateTimeField()),
                (
                    "merchant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="merchants.merchant",
                    ),
                ),
                (
                    "payment_intent",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="checkout_session",
                        to="payments.paymentintent",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "indexes": [
                    models.Index(fields=["merchant", "livemode", "id"], name="checkouts_of_merchant"),
                    models.Index(
                        condition=models.Q(("state", "open")), fields=["expires_at"], name="open_checkouts"
                    ),
                ],
                "constraints": [models.UniqueConstraint(fields=("public_id",), name="checkout_session_once")],
            },
        ),
        forward_only(
            "payments_checkoutsession",
            births=["open"],
            moves=[("open", "complete"), ("open", "expired")],
            frozen=FROZEN,
        ),
        migrations.RunSQL(GUARDS, GONE),
    ]
