"""What the ledger refuses. None of it is a merchant's fault: the message, with its addresses and amounts, is
for the log; the wire learns only that nothing was booked."""

from typing import Any

from core.errors import TollgateError


class LedgerError(TollgateError):
    """A posting that can't be booked as it is. Nothing was written; repeating it is useless."""

    retry = False

    def body(self) -> dict[str, Any]:
        return {
            "error": {"type": self.type, "message": "The ledger refused the booking. Nothing was written."}
        }


class LineInvalid(LedgerError):
    """A line whose address, currency or amount is none."""


class Unbalanced(LedgerError):
    """Debits and credits differ in some currency, or there are no lines."""


class AccountMismatch(LedgerError):
    """The account at this address belongs to another merchant, or to none."""


class ReferenceReused(LedgerError):
    """The reference already names a transaction, and a different one."""


class AlreadyReversed(LedgerError):
    """The transaction was reversed before, under another reference."""


class LimitExceeded(LedgerError):
    """The posting would take an account's balance above what its kind may. `left_minor` is how much it may still
    debit, which is negative where others went further."""

    def __init__(self, message: str, *, left_minor: int) -> None:
        super().__init__(message)
        self.left_minor = left_minor
