"""The customer's account at this bank: what settlements bring, what the customer has paid out, and what comes back.
A day's entries stay with the day once it is closed."""

import time
from datetime import date

from sandbox.answers import Answer
from sandbox.movements import Movement, payout
from sandbox.store import Store

BEFORE = """
    SELECT currency, sum(amount) FROM (
        SELECT currency, amount FROM settlement_payouts WHERE day < :day
        UNION ALL SELECT currency, amount FROM account_entries WHERE stated_on < :day
    ) GROUP BY currency
"""
ON_DAY = """
    SELECT id, currency, amount, '' FROM settlement_payouts WHERE day = :day
    UNION ALL
    SELECT * FROM (
        SELECT id, currency, amount, reference FROM account_entries WHERE stated_on = :day ORDER BY sequence)
"""


class Account:
    def __init__(self, store: Store) -> None:
        self._db = store.connection

    def pay_out(self, answer: Answer, *, returned: bool = False) -> None:
        """A payout leaves the account, or is back; inside the transaction that says so."""
        self._db.execute(
            "INSERT INTO account_entries (reference, id, currency, amount, created) VALUES (?, ?, ?, ?, ?)",
            (
                answer["reference"],
                f"{answer['id']}_back" if returned else answer["id"],
                answer["currency"],
                answer["amount"] if returned else -answer["amount"],
                int(time.time()),
            ),
        )

    def close(self, day: date, *, before: int) -> None:
        """What happened before that moment and is on no statement is on the day's."""
        self._db.execute(
            "UPDATE account_entries SET stated_on = ? WHERE stated_on IS NULL AND created < ?",
            (str(day), before),
        )

    def opening(self, day: date) -> dict[str, int]:
        return dict(self._db.execute(BEFORE, {"day": str(day)}).fetchall())

    def entries(self, day: date) -> list[Movement]:
        """Of a closed day: the settlement of each currency, and what was paid out or came back."""
        rows = self._db.execute(ON_DAY, {"day": str(day)})
        return [
            payout(identity, currency, amount, day, reference)
            for identity, currency, amount, reference in rows
        ]
