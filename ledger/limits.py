"""How far a balance may go. A limit says how high postings of a kind may take debits minus credits: 0 keeps what we
owe from turning into a debt. Only a posting that moves an account up asks, and waits for others that do."""

from collections import Counter
from collections.abc import Iterable

from django.db import connection

from core.db import in_transaction
from ledger.accounts import account_ids
from ledger.errors import LimitExceeded
from ledger.lines import amount_text
from ledger.models import LedgerAccount, LedgerLimit

# Locks those of the accounts that are limited for this kind, in sorted order, and says how high each may go.
LOCK = "SELECT account_id, max_balance_minor FROM ledger_lock_limited(%s::bigint[], %s)"


def set_limit(
    address: str,
    currency: str,
    *,
    livemode: bool,
    max_balance_minor: int | None,
    kind: str = "",
    merchant_id: int | None = None,
) -> None:
    """From the commit on, no posting of `kind` takes the account's balance (debits minus credits) above the limit;
    None means that it may, whatever the others may not. Without `kind`: every kind that has no limit of its own.

    A merchant's available money, which we owe and whose balance is therefore negative: `max_balance_minor=0`, so
    that nothing overdraws it; for `kind="refund_started"` the debt that this merchant may have; for
    `kind="dispute_opened"` None. What credits an account never asks and never waits. Harmless when repeated; the
    account is made where it is missing. A balance that is above a new limit already stays, and comes down only.
    """
    key = (address, currency, livemode)
    account_id = account_ids([(*key, merchant_id)])[key]
    _say(account_id, kind, max_balance_minor)


@in_transaction
def _say(account_id: int, kind: str, max_balance_minor: int | None) -> None:
    latest = LedgerLimit.objects.filter(account_id=account_id, kind=kind).order_by("-pk").first()
    if latest is None or latest.max_balance_minor != max_balance_minor:
        LedgerLimit.objects.create(account_id=account_id, kind=kind, max_balance_minor=max_balance_minor)


def lock_limited(kind: str, moves: Counter[int]) -> dict[int, int]:
    """The accounts that a posting of this kind moves toward a limit, locked until the transaction ends, each with
    how high its balance may go."""
    toward = [account_id for account_id, amount_minor in moves.items() if amount_minor > 0]
    if not toward:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [toward, kind])
        return dict(cursor.fetchall())


def check_limits(posting: object, limits: dict[int, int], moves: Counter[int]) -> None:
    """LimitExceeded where a locked account's balance would go too high. A statement of its own: the sum must see
    what the lock has waited for."""
    for account_id, balance in _balances(limits):
        after, limit = balance + moves[account_id], limits[account_id]
        if after > limit:
            account = LedgerAccount.objects.get(pk=account_id)
            text = [amount_text(amount, account.currency) for amount in (moves[account_id], balance, limit)]
            raise LimitExceeded(
                f"{account} has a balance of {text[1]} and may go up to {text[2]}: {text[0]} more are too much. "
                f"Refused: {posting}.",
                left_minor=limit - balance,
            )


def _balances(account_ids: Iterable[int]) -> list[tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, ledger_balance(id) FROM unnest(%s::bigint[]) AS id ORDER BY id", [list(account_ids)]
        )
        return [(account_id, int(balance)) for account_id, balance in cursor.fetchall()]
