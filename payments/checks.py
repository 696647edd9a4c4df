"""What `verify_ledger` proves of payments: doubt has an open operation behind it, states have their timeline."""

from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from ledger.checks import Finding
from ledger.lines import amount_text
from ledger.monitor import MAX_UNSEALED
from ledger.queries import OpenItem
from payments.models import Operation

# Each open operation that may move money holds its amount in one of the processor's two accounts of doubt.
UNCONFIRMED = """
    WITH held AS (
        SELECT account.address, account.currency, account.livemode, sum(entry.amount_minor) AS amount
        FROM ledger_account account JOIN ledger_entry entry ON entry.account_id = account.id
        WHERE account.address LIKE 'processor:%%unconfirmed'
        GROUP BY account.address, account.currency, account.livemode
    ), open AS (
        SELECT 'processor:' || processor
                   || CASE WHEN kind = 'refund' THEN ':refunds_unconfirmed' ELSE ':unconfirmed' END AS address,
               currency, livemode,
               sum(CASE WHEN kind = 'refund' THEN -amount_minor ELSE amount_minor END) AS amount
        FROM payments_operation WHERE next_attempt_at IS NOT NULL AND kind NOT IN ('void', 'payout')
        GROUP BY 1, 2, 3
    )
    SELECT address, currency, coalesce(held.amount, 0)::bigint, coalesce(open.amount, 0)::bigint
    FROM held FULL JOIN open USING (address, currency, livemode)
    WHERE coalesce(held.amount, 0) <> coalesce(open.amount, 0)
"""
# What stands on a merchant's accounts is what their balance transactions say, less what is on its way back.
BALANCES = """
    WITH said AS (
        SELECT merchant_id, livemode, currency, state, sum(amount_minor - fee_minor) AS amount
        FROM payments_balancetransaction GROUP BY 1, 2, 3, 4
        UNION ALL
        SELECT merchant_id, livemode, currency,
               CASE WHEN from_available THEN 'available' ELSE 'pending' END, -sum(amount_minor)
        FROM payments_refund WHERE state = 'pending' AND NOT voids GROUP BY 1, 2, 3, 4
    ), held AS (
        SELECT account.merchant_id, account.livemode, account.currency,
               substring(account.address FROM '[^:]+$') AS state, -sum(entry.amount_minor) AS amount
        FROM ledger_account account JOIN ledger_entry entry ON entry.account_id = account.id
        WHERE account.merchant_id IS NOT NULL AND account.address ~ ':(pending|reserved|available)$'
        GROUP BY account.id
    )
    SELECT merchant.public_id, state, currency, sum(held)::bigint, sum(said)::bigint
    FROM (
        SELECT merchant_id, livemode, currency, state, amount AS held, 0 AS said FROM held
        UNION ALL
        SELECT merchant_id, livemode, currency, state, 0, amount FROM said
    ) both_sides JOIN merchants_merchant merchant ON merchant.id = merchant_id
    GROUP BY merchant.public_id, livemode, currency, state
    HAVING sum(held) <> sum(said)
    LIMIT 100
"""
# What has left merchants' balances is with a payout that is on its way.
IN_TRANSIT = """
    SELECT currency, sum(held)::bigint, sum(said)::bigint
    FROM (
        SELECT account.currency, account.livemode, -entry.amount_minor AS held, 0 AS said
        FROM ledger_account account JOIN ledger_entry entry ON entry.account_id = account.id
        WHERE account.address = 'payouts:in_transit'
        UNION ALL
        SELECT currency, livemode, 0, amount_minor FROM payments_payout WHERE state IN ('pending', 'in_transit')
    ) both_sides
    GROUP BY currency, livemode
    HAVING sum(held) <> sum(said)
"""
LAST_TOLD = """
    SELECT charge.public_id, charge.state, told.charge_state
    FROM payments_charge charge
    LEFT JOIN LATERAL (
        SELECT charge_state FROM payments_timelineentry
        WHERE payment_intent_id = charge.payment_intent_id AND charge_id = charge.id AND charge_state <> ''
        ORDER BY id DESC LIMIT 1
    ) told ON true
    WHERE told.charge_state IS DISTINCT FROM charge.state
    LIMIT 100
"""


def unconfirmed_money_has_its_open_operations() -> Iterator[Finding]:
    for address, currency, held, expected in _rows(UNCONFIRMED):
        yield Finding(
            f"{address} {currency.upper()}",
            f"holds {amount_text(held, currency)}, the open operations account for "
            f"{amount_text(expected, currency)}",
        )


def merchants_have_what_their_balance_transactions_say() -> Iterator[Finding]:
    for merchant, state, currency, held, said in _rows(BALANCES):
        yield Finding(
            f"merchant:{merchant}:{state} {currency.upper()}",
            f"owes {amount_text(held, currency)}, the balance transactions say {amount_text(said, currency)}",
        )


def money_in_transit_is_with_its_payouts() -> Iterator[Finding]:
    for currency, held, said in _rows(IN_TRANSIT):
        yield Finding(
            f"payouts:in_transit {currency.upper()}",
            f"holds {amount_text(held, currency)}, the payouts on their way {amount_text(said, currency)}",
        )


def charges_are_where_their_timeline_says() -> Iterator[Finding]:
    for charge, state, told in _rows(LAST_TOLD):
        yield Finding(charge, f"is {state}, its timeline says {told or 'nothing'}")


def operations_at_work(items: list[OpenItem]) -> set[str]:
    """Those whose operation is open, or has ended so lately that its booking may not be sealed yet."""
    names = [item.item for item in items]
    operations = Operation.objects.filter(public_id__in=names)
    lately = timezone.now() - 2 * MAX_UNSEALED
    at_work = operations.filter(Q(next_attempt_at__isnull=False) | Q(finished_at__gt=lately))
    return set(at_work.values_list("public_id", flat=True))


def _rows(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, [])
        return list(cursor.fetchall())
