"""The three books of a history: what the client was told, what the bank did, what the ledger says. And that nothing
is left open, and each event was fanned out once."""

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests.chaos.outside import DISPUTED, what_the_banks_did
from tests.chaos.rig import Rig
from tests.chaos.shopper import Shopper, Told

# The sweeper's third look comes two minutes after the deadline; a history may spoil the first two. The fourth, at ten
# minutes, is nothing that a history should need.
REST_SECONDS = 500.0
LOOK_SECONDS = 0.5
OPEN = """
SELECT 'operation ' || public_id || ' is ' || state || ', looked at ' || attempts || ' times'
FROM payments_operation WHERE merchant_id = %(merchant)s AND next_attempt_at IS NOT NULL
UNION ALL
SELECT 'claim ' || key || ' is not answered' FROM idempotency_claim
WHERE merchant_id = %(merchant)s AND answered_at IS NULL
UNION ALL
SELECT 'event ' || public_id || ' waits in the outbox' FROM webhooks_event e
JOIN webhooks_outbox o ON o.event_id = e.id WHERE merchant_id = %(merchant)s
UNION ALL
SELECT 'charge ' || public_id || ' awaits its cardholder' FROM payments_charge
WHERE merchant_id = %(merchant)s AND state = 'requires_action'
UNION ALL
SELECT 'payout ' || public_id || ' is ' || state FROM payments_payout
WHERE merchant_id = %(merchant)s AND state IN ('pending', 'in_transit')
UNION ALL
SELECT 'dispute ' || public_id || ' is ' || state || ', wanted: ' || wanted FROM payments_dispute
WHERE merchant_id = %(merchant)s AND (wanted <> '' OR state = 'under_review')
"""
OPERATIONS = """
SELECT public_id, kind, state, amount_minor, processor, idempotency_key, charge_id FROM payments_operation
WHERE merchant_id = %(merchant)s ORDER BY id
"""
# Paid by cards that lead to disputes.
DISPUTED_CHARGES = """
SELECT processor, processor_id FROM payments_charge
WHERE merchant_id = %(merchant)s AND source LIKE 'tok_createDispute%%' AND processor_id <> ''
"""
# What processors owe us, less what was given back; and what merchants were paid out.
LEDGER = """
SELECT coalesce(sum(e.amount_minor) FILTER (WHERE a.address LIKE 'processor:%%:clearing'), 0) AS clearing,
    -coalesce(sum(e.amount_minor) FILTER (WHERE a.address = 'payouts:sent'), 0) AS paid_out
FROM ledger_entry e
JOIN ledger_transaction t ON t.id = e.transaction_id JOIN ledger_account a ON a.id = e.account_id
WHERE t.merchant_id = %(merchant)s
"""
IN_DOUBT = """
SELECT a.address, sum(e.amount_minor) AS left_minor FROM ledger_entry e
JOIN ledger_transaction t ON t.id = e.transaction_id JOIN ledger_account a ON a.id = e.account_id
WHERE t.merchant_id = %(merchant)s AND (a.address LIKE '%%unconfirmed%%' OR a.address = 'payouts:in_transit')
GROUP BY a.address HAVING sum(e.amount_minor) <> 0
"""
EVENTS = """
SELECT type, object_id, count(*) AS times FROM webhooks_event
WHERE merchant_id = %(merchant)s AND type = ANY(%(once)s) GROUP BY type, object_id HAVING count(*) > 1
"""
DELIVERIES = """
SELECT d.event_id, d.endpoint_id FROM webhooks_delivery d JOIN webhooks_event e ON e.id = d.event_id
WHERE e.merchant_id = %(merchant)s GROUP BY d.event_id, d.endpoint_id HAVING count(*) > 1
UNION ALL
SELECT e.id, p.id FROM webhooks_event e JOIN webhooks_endpoint p ON p.merchant_id = e.merchant_id
WHERE e.merchant_id = %(merchant)s AND p.enabled_events @> ARRAY['*']
    AND NOT EXISTS (SELECT FROM webhooks_delivery d WHERE d.event_id = e.id AND d.endpoint_id = p.id)
"""
ONCE = [
    "charge.succeeded", "charge.failed", "charge.captured", "charge.pending", "refund.created",
    "payment_intent.created", "payment_intent.succeeded", "payment_intent.canceled", "payout.created", "payout.paid",
    "charge.dispute.created", "charge.dispute.funds_withdrawn", "charge.dispute.closed",
    "checkout.session.completed", "checkout.session.expired",
]  # fmt: skip


@dataclass(frozen=True)
class Merchant:
    """One of the history's own, with an endpoint that wants every event."""

    pk: int
    key: str


class Stuck(AssertionError):
    """Something is open, and stays so."""


def check_books(rig: Rig, merchant: Merchant, shoppers: list[Shopper]) -> None:
    """AssertionError. Looked at again where another history shuts PostgreSQL down meanwhile, and where something
    began while we looked: what a payout gives back goes out again on schedule, once."""
    while True:
        with suppress(psycopg.OperationalError):
            began = _operations(rig, merchant)
            try:
                return _check_books(rig, merchant, shoppers)
            except Stuck:
                raise
            except AssertionError:
                if _operations(rig, merchant) == began:
                    raise
        time.sleep(0.5)


def _operations(rig: Rig, merchant: Merchant) -> int:
    """How many there were so far, open or not."""
    with rig.books() as books:
        row = books.execute(f"SELECT count(*) FROM ({OPERATIONS}) found", _of(merchant)).fetchone()
    assert row is not None
    return int(row[0])


def _check_books(rig: Rig, merchant: Merchant, shoppers: list[Shopper]) -> None:
    with _connected(rig, merchant) as books:
        _tell_those_who_never_came_back(books, merchant, shoppers)
        operations = books.execute(OPERATIONS, _of(merchant)).fetchall()
        banks = what_the_banks_did(rig, operations, books.execute(DISPUTED_CHARGES, _of(merchant)).fetchall())
        row: Any = books.execute(LEDGER, _of(merchant)).fetchone()
        in_doubt = books.execute(IN_DOUBT, _of(merchant)).fetchall()
        assert not in_doubt, f"in doubt although nothing is open: {in_doubt}"
        told_net = _told_net(shoppers)
        assert banks.net_minor == row["clearing"] == told_net, (
            f"the banks did {banks.net_minor}, the ledger says {row['clearing']}, clients were told {told_net}"
        )
        payouts = shoppers[0].see("/v1/payouts?status=paid&limit=100")["data"]
        told_paid_out = sum(each["amount"] for each in payouts)
        assert banks.paid_out_minor == row["paid_out"] == told_paid_out, (
            f"the banks paid out {banks.paid_out_minor}, the ledger says {row['paid_out']}, "
            f"clients were told {told_paid_out}"
        )
        doubled = books.execute(EVENTS, {**_of(merchant), "once": ONCE}).fetchall()
        assert not doubled, f"events that were recorded twice: {doubled}"
        undelivered = books.execute(DELIVERIES, _of(merchant)).fetchall()
        assert not undelivered, f"not exactly one delivery: {undelivered}"


def _of(merchant: Merchant) -> dict[str, Any]:
    return {"merchant": merchant.pk}


def _connected(rig: Rig, merchant: Merchant) -> psycopg.Connection[dict[str, Any]]:
    """To the books, once nothing of the merchant's is open any more."""
    deadline, left = time.monotonic() + REST_SECONDS, [{"?": "the books can't be read"}]
    books: Any = None
    while time.monotonic() < deadline:
        try:
            if books is None:
                books = rig.books()
                books.row_factory = dict_row
            left = books.execute(OPEN, _of(merchant)).fetchall()
            if not left:
                return books  # type: ignore[no-any-return]
        except psycopg.OperationalError:
            books = None
        time.sleep(LOOK_SECONDS)
    raise Stuck(f"stuck: {[next(iter(row.values())) for row in left]}")


def _tell_those_who_never_came_back(
    books: psycopg.Connection[dict[str, Any]], merchant: Merchant, shoppers: list[Shopper]
) -> None:
    """A retry days later: the kept answer, for everybody. A request that never arrived has none."""
    rows = books.execute("SELECT key FROM idempotency_claim WHERE merchant_id = %(merchant)s", _of(merchant))
    kept = {row["key"] for row in rows.fetchall()}
    for shopper in shoppers:
        for told in shopper.told:
            if told.key not in kept:
                assert not told.final or told.status >= 400, (
                    f"{told.key} was told {told.raw!r}, and it is not kept"
                )
                continue
            deadline = time.monotonic() + REST_SECONDS
            while not (headers := shopper.try_once(told)):
                assert time.monotonic() < deadline, f"{told.key} is kept, and not replayed"
                time.sleep(0.1)
            assert headers.get("Idempotent-Replayed") == "true", f"{told.key} was done again"
            assert told.final


def _told_net(shoppers: list[Shopper]) -> int:
    """What their answers say; what went on after its answer, as it is shown now; less what disputes took."""
    for shopper in shoppers:
        for told in shopper.followed:
            if told.status == 200:
                told.body = shopper.see(f"/v1/payment_intents/{told.body['id']}")
    disputes = shoppers[0].see("/v1/disputes?limit=100")["data"]
    taken = sum(int(each["amount"]) for each in disputes if each["status"] in DISPUTED)
    return sum(_net_minor(told) for shopper in shoppers for told in shopper.told) - taken


def _net_minor(told: Told) -> int:
    """What the answer says was taken by this request, less what it gave back."""
    if told.status != 200:
        return 0
    body = told.body
    match told.path.split("/")[2:], body["object"]:
        case ["charges"], "charge":
            return int(body["amount_captured"])
        case ["charges", _, "capture"], "charge":
            return int(body["amount_captured"])
        case ["payment_intents", *rest], "payment_intent" if rest == [] or rest[-1] in ("confirm", "capture"):
            return int(body["amount_received"])
        case ["refunds"], "refund":
            # What was only held was never taken.
            return 0 if body["balance_transaction"] is None else -int(body["amount"])
        case _:
            return 0
