"""Makes a new version of what charges cost: for one merchant, or for all who have no plan of their own. It prices the
charges that begin from then on; those under way keep theirs."""

from typing import Any

from django.db import connection
from django.db.models import Max

from core.db import in_transaction
from core.ids import new_id
from merchants.models import Merchant
from payments.fees import checked_rules
from payments.models import FeePlan

# The trigger takes the same one. Whoever makes a version waits before the row gets its number, so that numbers follow
# the order of commits, and who reads only what is new misses none. It says "fees" to whoever reads pg_locks.
LOCK = 0x66656570


@in_transaction
def set_fee_plan(
    merchant: Merchant | None,
    rules: Any,
    *,
    home_country: str = "",
    made_by: str,
    reason: str,
    public_id: str = "",
) -> FeePlan:
    """The next version, once per `public_id`. InvalidRequest naming what no plan may say."""
    checked_rules(rules, home_country=home_country)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    if made := FeePlan.objects.filter(public_id=public_id).first():
        return made
    versions = FeePlan.objects.filter(merchant=merchant).aggregate(latest=Max("version"))
    return FeePlan.objects.create(
        public_id=public_id or new_id("fp"),
        merchant=merchant,
        version=(versions["latest"] or 0) + 1,
        home_country=home_country,
        rules=rules,
        made_by=made_by,
        reason=reason,
    )
