"""Compares what the gateway answered with what is in the database. A rate without this means nothing: the fastest
draft of all gave many requests one stored answer."""

import psycopg

from bench.load import AMOUNT_MINOR, Load
from bench.room import Room

# Everything that one captured charge leaves, counted per merchant. Only whole and finished ones count.
COUNTS = """
    WITH merchant AS (SELECT id FROM merchants_merchant WHERE public_id = %(merchant)s),
    whole AS (
        SELECT charge.id
        FROM payments_charge charge
        JOIN payments_paymentintent intent ON intent.id = charge.payment_intent_id
        JOIN payments_operation operation ON operation.charge_id = charge.id
        JOIN idempotency_claim claim ON claim.id = operation.claim_id
        JOIN webhooks_event event ON event.object_id = charge.public_id
        JOIN webhooks_outbox outbox ON outbox.event_id = event.id
        JOIN payments_balancetransaction balance ON balance.source = charge.public_id
        WHERE charge.merchant_id = (SELECT id FROM merchant)
          AND charge.state = 'captured' AND charge.captured_minor = %(amount)s
          AND intent.state = 'succeeded' AND operation.state = 'succeeded'
          AND claim.operation = operation.public_id AND claim.status = 200 AND claim.owner = ''
          AND balance.public_id = charge.balance_transaction AND event.type = 'charge.succeeded'
          AND balance.ledger_reference = operation.public_id || ':finish'
    ), booked AS (
        SELECT entry.account_id, entry.amount_minor, header.id AS transaction_id, header.kind
        FROM ledger_transaction header JOIN ledger_entry entry ON entry.transaction_id = header.id
        WHERE header.merchant_id = (SELECT id FROM merchant)
    )
    SELECT
        (SELECT count(*) FROM whole) AS "whole charges",
        (SELECT count(DISTINCT id) FROM whole) AS "different whole charges",
        (SELECT count(*) FROM payments_charge WHERE merchant_id = (SELECT id FROM merchant)) AS charges,
        (SELECT count(*) FROM payments_operation WHERE merchant_id = (SELECT id FROM merchant)) AS operations,
        (SELECT count(*) FROM idempotency_claim WHERE merchant_id = (SELECT id FROM merchant)) AS claims,
        (SELECT count(*) FROM webhooks_event WHERE merchant_id = (SELECT id FROM merchant)) AS events,
        (SELECT count(DISTINCT transaction_id) FROM booked WHERE kind = 'sale_started') AS "started sales",
        (SELECT count(DISTINCT transaction_id) FROM booked WHERE kind = 'sale_confirmed')
            AS "confirmed sales",
        (SELECT count(*) FROM payments_timelineentry WHERE merchant_id = (SELECT id FROM merchant)) / 2
            AS "timeline rows by two",
        (SELECT coalesce(sum(amount_minor), 0) FROM booked
            JOIN ledger_account account ON account.id = account_id
            WHERE account.address LIKE '%%:clearing') / %(amount)s AS "captured money by the amount"
"""
ZEROES = """
    SELECT account.address, sum(entry.amount_minor)
    FROM ledger_entry entry JOIN ledger_account account ON account.id = entry.account_id
    WHERE account.address LIKE '%unconfirmed'
    GROUP BY account.address HAVING sum(entry.amount_minor) <> 0
"""
# The charge as the row has it, the order that the merchant gave it, and the answer kept under the key.
ORDERS = """
    SELECT (charge.metadata->>'order')::bigint, charge.public_id, claim.body::jsonb->>'id'
    FROM payments_charge charge
    JOIN payments_operation operation ON operation.charge_id = charge.id
    JOIN idempotency_claim claim ON claim.id = operation.claim_id
    WHERE charge.merchant_id = (SELECT id FROM merchants_merchant WHERE public_id = %(merchant)s)
"""


class WronglyStored(Exception):
    """The database does not hold what was answered; the message says what differs."""


def check_reference(room: Room, merchant: str, charges: int) -> None:
    with room.books() as books:
        _check_counts(books, merchant, charges)


def check_answers(room: Room, merchant: str, load: Load) -> None:
    """Every order was answered, with a whole charge of its own, and there is no other."""
    answers = load.answers
    if load.refusals:
        raise WronglyStored(f"not every charge was answered: {load.refusals.most_common(3)}")
    with room.books() as books:
        _check_counts(books, merchant, len(answers))
        stored = {order: (charge, kept) for order, charge, kept in books.execute(ORDERS, {"merchant": merchant})}
    for answer in answers:
        if stored.get(answer.order) != (answer.charge, answer.charge):
            raise WronglyStored(
                f"order {answer.order} was answered with {answer.charge}, stored is {stored.get(answer.order)}"
            )
    if len(stored) != len(answers):
        raise WronglyStored(f"{len(answers)} orders were answered, {len(stored)} are stored")


def check_books(room: Room) -> None:
    """Every transaction balances, and nothing is unconfirmed."""
    room.command("verify_ledger", "--quiet")
    with room.books() as books:
        if open_accounts := books.execute(ZEROES).fetchall():
            raise WronglyStored(f"money is still unconfirmed: {open_accounts}")


def _check_counts(books: psycopg.Connection, merchant: str, charges: int) -> None:
    cursor = books.execute(COUNTS, {"merchant": merchant, "amount": AMOUNT_MINOR})
    assert cursor.description is not None
    row = cursor.fetchone()
    assert row is not None
    wrong = [
        f"{count} {column.name}" for column, count in zip(cursor.description, row, strict=True) if count != charges
    ]
    if wrong:
        raise WronglyStored(f"{charges} charges of {merchant} were answered, stored are {', '.join(wrong)}")
