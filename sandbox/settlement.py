"""What the bank reports and pays: every movement of money is written down when it happens, and once a day those that
were not reported yet become a settlement file. The file is written once, and says the same ever after.

It can be told to err about given references; it pays what its file says.
"""

import csv
import io
import secrets
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta

from sandbox.account import Account
from sandbox.answers import Answer
from sandbox.bank import DISPUTE_FEE_MINOR, fee_minor
from sandbox.movements import Movement, payout
from sandbox.store import Store

ERRORS = (
    "missing_line",
    "late_line",
    "extra_line",
    "duplicate_line",
    "other_amount",
    "other_currency",
    "other_fee",
    "other_status",
    "orphan_refund",
    "orphan_dispute",
)
COLUMNS = "number type reference id authorization currency gross fee net status created".split()
# What it invents where it is told to, and what it adds where it changes an amount or a fee.
INVENTED_MINOR = 4200
ADDED_MINOR = 7


class Settlements:
    def __init__(self, store: Store) -> None:
        self._db = store.connection
        self._store = store
        self.account = Account(store)

    def record(self, answer: Answer) -> None:
        """Call it for each answer that may have moved money, inside its transaction."""
        if movement := _movement(answer):
            self._insert(movement)

    def take_back(self, answer: Answer) -> None:
        """A sale was undone: it is not reported, or its opposite is when it was reported already."""
        done = self._db.execute(
            "DELETE FROM movements WHERE reference = ? AND type = 'charge' AND settled_on IS NULL",
            (answer["reference"],),
        )
        if not done.rowcount and (movement := _movement(answer)):
            self._insert(replace(movement, type="refund", gross=-movement.gross, fee=0, created=_now()))

    def record_dispute(
        self, *, id: str, reference: str, authorization: str, currency: str, amount_minor: int, won: bool
    ) -> None:
        """The money of a dispute is taken back, for a fee; or it is given back once the dispute is won."""
        self._insert(
            Movement(
                type="dispute_reversal" if won else "dispute",
                reference=reference,
                id=id,
                authorization=authorization,
                currency=currency,
                gross=amount_minor if won else -amount_minor,
                fee=0 if won else DISPUTE_FEE_MINOR,
                created=_now(),
            )
        )

    def err(self, reference: str, error: str) -> None:
        """The next file that would name the reference, or the bank's own id, errs about it."""
        self._db.execute("INSERT OR REPLACE INTO settlement_errors VALUES (?, ?)", (reference, error))

    def file(self, day: date, *, close: bool = False) -> str | None:
        """The day's file; None for a day that is not over, unless it is told to close it now."""
        if known := self._db.execute("SELECT content FROM settlements WHERE day = ?", (str(day),)).fetchone():
            return str(known[0])
        if not close and day >= datetime.now(UTC).date():
            return None
        with self._store.transaction():
            return self._write(day)

    def days(self) -> list[date]:
        """Those that have a file, the oldest first."""
        rows = self._db.execute("SELECT day FROM settlements ORDER BY day")
        return [date.fromisoformat(day) for (day,) in rows]

    def owed(self) -> dict[str, int]:
        """What it still owes by currency, before fees: what moved, less what its files have said."""
        rows = self._db.execute(
            "SELECT currency, sum(gross) FROM (SELECT currency, gross FROM movements"
            " UNION ALL SELECT currency, -gross FROM settlement_lines) GROUP BY currency"
        )
        return {currency: owed for currency, owed in rows if owed}

    def _insert(self, movement: Movement) -> None:
        self._db.execute(
            "INSERT INTO movements (type, reference, id, authorization, currency, gross, fee, created, status)"
            " VALUES (:type, :reference, :id, :authorization, :currency, :gross, :fee, :created, :status)",
            asdict(movement),
        )

    def _write(self, day: date) -> str:
        end = int(datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC).timestamp())
        rows = self._db.execute(
            "SELECT type, reference, id, authorization, currency, gross, fee, created, status, sequence"
            " FROM movements WHERE settled_on IS NULL AND created < ? ORDER BY sequence",
            (end,),
        ).fetchall()
        errors = dict(self._db.execute("SELECT reference, error FROM settlement_errors").fetchall())
        lines: list[Movement] = []
        for *values, sequence in rows:
            names = (
                "type",
                "reference",
                "id",
                "authorization",
                "currency",
                "gross",
                "fee",
                "created",
                "status",
            )
            movement = Movement(**dict(zip(names, values, strict=True)))
            ordered = movement.id if movement.id in errors else movement.reference
            error = errors.pop(ordered, None)
            said, reported = _erring(movement, error)
            lines += said
            if error:
                self._db.execute("DELETE FROM settlement_errors WHERE reference = ?", (ordered,))
            if reported:
                self._db.execute(
                    "UPDATE movements SET settled_on = ? WHERE sequence = ?", (str(day), sequence)
                )
        self.account.close(day, before=end)
        return self._keep(day, lines)

    def _keep(self, day: date, lines: list[Movement]) -> str:
        net: dict[str, int] = defaultdict(int)
        for line in lines:
            net[line.currency] += line.net
        payouts = [
            payout(f"set_{day:%Y%m%d}_{currency}_{secrets.token_hex(3)}", currency, amount, day)
            for currency, amount in sorted(net.items())
            if amount
        ]
        content = _csv(day, [*lines, *(replace(one, gross=-one.gross) for one in payouts)])
        self._db.execute("INSERT INTO settlements VALUES (?, ?)", (str(day), content))
        self._db.executemany(
            "INSERT INTO settlement_lines VALUES (?, ?)", [(line.currency, line.gross) for line in lines]
        )
        self._db.executemany(
            "INSERT INTO settlement_payouts VALUES (?, ?, ?, ?)",
            [(str(day), one.id, one.currency, one.gross) for one in payouts],
        )
        return content


def _movement(answer: Answer) -> Movement | None:
    kind, status = answer["kind"], answer["status"]
    captured = answer.get("captured") or 0
    match kind, status:
        case "authorize", "approved" if captured:
            type_, gross, fee = "charge", captured, fee_minor(captured)
        case "capture", "approved":
            type_, gross, fee = "charge", answer["amount"], fee_minor(answer["amount"])
        case "refund", "approved":
            type_, gross, fee = "refund", -answer["amount"], 0
        case "refund", "failed":
            type_, gross, fee = "refund_failure", answer["amount"], 0
        case _:
            return None
    return Movement(
        type=type_,
        reference=answer["reference"],
        id=answer["id"],
        authorization=answer.get("authorization") or answer["id"],
        currency=answer["currency"],
        gross=gross,
        fee=fee,
        created=_now(),
    )


def _erring(line: Movement, error: str | None) -> tuple[list[Movement], bool]:
    """What the file says of a movement, and whether it counts as reported; a late one comes with the next file."""
    invented = replace(
        line,
        reference=f"{line.reference[:50]}_nobodys",
        id=f"x_{line.id}"[:64],
        authorization="",
        gross=INVENTED_MINOR,
        fee=0,
    )
    match error:
        case None:
            return [line], True
        case "late_line":
            return [], False
        case "missing_line":
            return [], True
        case "extra_line":
            return [line, replace(invented, type="charge", fee=fee_minor(INVENTED_MINOR))], True
        case "duplicate_line":
            return [line, line], True
        case "other_amount":
            return [replace(line, gross=line.gross - ADDED_MINOR)], True
        case "other_currency":
            return [replace(line, currency="eur" if line.currency != "eur" else "usd")], True
        case "other_fee":
            return [replace(line, fee=line.fee + ADDED_MINOR)], True
        case "other_status":
            return [replace(line, status="reversed")], True
        case "orphan_refund":
            return [line, replace(invented, type="refund", gross=-INVENTED_MINOR)], True
        case _:
            return [line, replace(invented, type="dispute", gross=-INVENTED_MINOR)], True


def _csv(day: date, lines: Iterable[Movement]) -> str:
    """A last row that counts, so that a part of a file is known for one."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["settlement", 1, day])
    writer.writerow(COLUMNS)
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    number = 0
    for number, line in enumerate(lines, start=1):
        amounts = (line.gross, line.fee, line.net)
        moment = datetime.fromtimestamp(line.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        names = (line.type, line.reference, line.id, line.authorization, line.currency)
        writer.writerow([number, *names, *amounts, line.status, moment])
        for place, amount in enumerate((1, *amounts)):
            sums[line.currency][place] += amount
    for currency, total in sorted(sums.items()):
        writer.writerow(["total", currency, *total])
    writer.writerow(["end", number])
    return text.getvalue()


def _now() -> int:
    return int(time.time())
