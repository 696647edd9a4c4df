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
