"""What the ledger says on the console's first page: what it holds of which nobody knows the fate."""

from typing import Any

from core.home import Asked, Card, register
from ledger.queries import unconfirmed


def unconfirmed_money(asked: Asked) -> dict[str, Any]:
    return {
        "accounts": [totals for totals in unconfirmed() if totals.livemode == asked.livemode],
        "mode": "live" if asked.livemode else "test",
    }


register(
    Card(
        "unconfirmed",
        "ledger.view_ledgeraccount",
        140,
        unconfirmed_money,
        "ledger/home_unconfirmed.html",
        half=True,
    )
)
