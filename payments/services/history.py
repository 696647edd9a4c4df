"""What a merchant has seen of a card and of an email before: for verdicts, where a rule asks for it."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from core.db import load_statement, run_statement
from risk.facts import Request

HISTORY = load_statement("history.sql")
# More than so many payments say no more: a card that pays every hour must not make each payment dearer.
AT_MOST = 100


def history_of(request: Request) -> Mapping[str, Mapping[str, Any]]:
    """Facts by group, in one round trip."""
    (row,) = run_statement(
        HISTORY,
        {
            "merchant_id": request.merchant_id,
            "livemode": request.livemode,
            "fingerprint": request.card_fingerprint,
            "email": request.email.strip().lower(),
            "at_most": AT_MOST,
        },
    )
    age = -1 if row.first_seen is None else (timezone.now() - row.first_seen).days
    return {
        "history": {
            "card_payments": row.card_payments,
            "card_disputes": row.card_disputes,
            "email_payments": row.email_payments,
            "email_disputes": row.email_disputes,
        },
        "customer": {"age_days": age},
    }
