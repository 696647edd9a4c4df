"""A merchant's balances, to be read like a statement."""

from ledger.queries import trial_balance
from merchants.auth import Caller


def balances(caller: Caller) -> dict[str, int]:
    """What the merchant's accounts say, credit side up, zeros left out."""
    own = {
        row.address.rpartition(":")[2]: row.credit - row.debit
        for row in trial_balance()
        if caller.merchant_public_id in row.address
    }
    return {name: amount for name, amount in own.items() if amount}
