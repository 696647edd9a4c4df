"""A movement of money, as files and statements tell of it. Pure."""

from dataclasses import dataclass
from datetime import UTC, date, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """Signed: what the bank owes its customer is positive."""

    type: str
    reference: str
    id: str
    authorization: str
    currency: str
    gross: int
    fee: int
    created: int
    status: str = "settled"

    @property
    def net(self) -> int:
        return self.gross - self.fee


def payout(identity: str, currency: str, amount: int, day: date, reference: str = "") -> Movement:
    """Money to or from the customer's account, at noon of the day."""
    noon = int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp())
    return Movement(
        type="payout",
        reference=reference,
        id=identity,
        authorization="",
        currency=currency,
        gross=amount,
        fee=0,
        created=noon,
    )
