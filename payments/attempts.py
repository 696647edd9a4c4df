"""An attempt in memory: the rows of one operation, as they are or will be in the database."""

from dataclasses import dataclass

from payments.bookings import Money
from payments.fees import Plan
from payments.models import Charge, Operation, PaymentIntent, Payout, Refund


@dataclass(slots=True, kw_only=True)
class Undertaking:
    """One operation with what it belongs to. `merchant` is the merchant's public id."""

    operation: Operation
    merchant: str

    @property
    def money(self) -> Money:
        """The operation's amount, for the bookings."""
        return Money(
            self.operation.amount_minor, self.operation.currency, self.merchant, self.operation.processor
        )

    @property
    def start_reference(self) -> str:
        """The ledger's reference of what phase 1 booked."""
        return f"{self.operation.public_id}:start"

    @property
    def finish_reference(self) -> str:
        return f"{self.operation.public_id}:finish"


@dataclass(slots=True, kw_only=True)
class Attempt(Undertaking):
    """One operation with the payment that it belongs to."""

    charge: Charge
    intent: PaymentIntent
    fees: Plan
    settlement_days: int
    # Whether a part of what becomes available is held back, so that nothing is available at once.
    holds_reserve: bool = False
    refund: Refund | None = None
    # Why the operation goes to its processor, and who would be asked next if that one turned it away undone.
    routing_reason: str = ""
    others: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class PayoutAttempt(Undertaking):
    """The one operation of a payout."""

    payout: Payout


@dataclass(frozen=True, slots=True)
class Actor:
    """Who caused a change: a key, the sweeper, a person; with the request where there was one."""

    name: str
    request_id: str = ""
