"""Compares what the gateway answered with what is in the database. A rate without this means nothing: the fastest
draft of all gave many requests one stored answer."""

import psycopg

from bench.load import AMOUNT_MINOR, Load
from bench.room import Room

# Charges that ended well, with all that belongs to them: the order that the merchant gave, the charge, and the
# charge that the answer under the client's key tells of.
WHOLE = """
    SELECT (charge.metadata->>'order')::bigint, charge.public_id, claim.body::jsonb->>'id'
    FROM payments_charge charge
    JOIN payments_paymentintent intent ON intent.id = charge.payment_intent_id
    JOIN payments_operation operation ON operation.charge_id = charge.id
    JOIN idempotency_claim claim ON claim.id = operation.claim_id
    JOIN webhooks_event event ON event.object_id = charge.public_id
    JOIN webhooks_outbox outbox ON outbox.event_id = event.id
    JOIN payments_balancetransaction balance ON balance.public_id = charge.balance_transaction
    WHERE charge.merchant_id = (SELECT id FROM merchants_merchant WHERE public_id = %(merchant)s)
      AND charge.state = 'captured' AND charge.captured_minor = %(amount)s
      AND intent.state = 'succeeded' AND operation.state = 'succeeded' AND event.type = 'charge.succeeded'
      AND claim.operation = operation.public_id AND claim.status = 200 AND claim.owner = ''
      AND balance.source = charge.public_id AND balance.ledger_reference = operation.public_id || ':finish'
"""
# What there is of each kind, in units of one charge.
COUNTS = """
    WITH merchant AS (SELECT id FROM merchants_merchant WHERE public_id = %(merchant)s),
    booked AS (
        SELECT entry.account_id, entry.amount_minor, header.id AS transaction_id, header.kind
        FROM ledger_transaction header JOIN ledger_entry entry ON entry.transaction_id = header.id
        WHERE header.merchant_id = (SELECT id FROM merchant)
    )
    SELECT
        (SELECT count(*) FROM payments_charge WHERE merchant_id = (SELECT id FROM merchant)) AS charges,
        (SELECT count(*) FROM payments_operation WHERE merchant_id = (SELECT id FROM merchant)) AS operations,
        (SELECT count(*) FROM idempotency_claim WHERE merchant_id = (SELECT id FROM merchant)) AS claims,
        (SELECT count(*) FROM webhooks_event WHERE merchant_id = (SELECT id FROM merchant)) AS events,
        (SELECT count(DISTINCT transaction_id) FROM booked WHERE kind = 'sale_started') AS "started sales",
        (SELECT count(DISTINCT transaction_id) FROM booked WHERE kind = 'sale_confirmed')
            AS "confirmed sales",
        (SELECT count(*) / 2.0 FROM payments_timelineentry WHERE merchant_id = (SELECT id FROM merchant))
            AS "pairs of timeline rows",
        (SELECT coalesce(sum(amount_minor), 0) / %(amount)s FROM booked
            JOIN ledger_account account ON account.id = account_id
            WHERE account.address LIKE '%%:clearing') AS "times the amount booked as captured"
"""
ZEROES = """
    SELECT account.address, sum(entry.amount_minor)
    FROM ledger_entry entry JOIN ledger_account account ON account.id = entry.account_id
    WHERE account.address LIKE '%unconfirmed'
    GROUP BY account.address HAVING sum(entry.amount_minor) <> 0
"""


class WronglyStored(Exception):
    """The database does not hold what was answered; the message says what differs."""


def check_reference(room: Room, merchant: str, charges: int) -> None:
    with room.books() as books:
        stored = _whole(books, merchant)
        if len(stored) != charges or len({charge for _, charge, _ in stored}) != charges:
            raise WronglyStored(f"pgbench made {charges} charges, {len(stored)} are stored whole")
        _check_counts(books, merchant, charges)


def check_answers(room: Room, merchant: str, load: Load) -> None:
    """Every answered order is one whole charge of its own. Others are there only if they were not answered."""
    with room.books() as books:
        rows = _whole(books, merchant)
        stored = {order: (charge, kept) for order, charge, kept in rows}
        for answer in load.answers:
            if stored.get(answer.order) != (answer.charge, answer.charge):
                raise WronglyStored(
                    f"order {answer.order} was answered with {answer.charge}, "
                    f"stored is {stored.get(answer.order)}"
                )
        more = len(rows) - len(load.answers)
        if more > load.not_answered:
            raise WronglyStored(
                f"{more} charges more than were answered, of {load.not_answered} that were not"
            )
        if not load.not_answered:
            _check_counts(books, merchant, len(load.answers))


def check_books(room: Room, *, all_ended: bool) -> None:
    """Every transaction balances; nothing is unconfirmed where all charges have ended."""
    room.command("verify_ledger", "--quiet")
    with room.books() as books:
        if all_ended and (open_accounts := books.execute(ZEROES).fetchall()):
            raise WronglyStored(f"money is still unconfirmed: {open_accounts}")


def _whole(books: psycopg.Connection, merchant: str) -> list[tuple[int, str, str]]:
    return books.execute(WHOLE, {"merchant": merchant, "amount": AMOUNT_MINOR}).fetchall()


def _check_counts(books: psycopg.Connection, merchant: str, charges: int) -> None:
    cursor = books.execute(COUNTS, {"merchant": merchant, "amount": AMOUNT_MINOR})
    assert cursor.description is not None
    row = cursor.fetchone()
    assert row is not None
    wrong = [
        f"{count} {column.name}"
        for column, count in zip(cursor.description, row, strict=True)
        if count != charges
    ]
    if wrong:
        raise WronglyStored(f"{charges} charges of {merchant} were answered, stored are {', '.join(wrong)}")
