"""A payout, and the account that it goes to."""

from typing import Any

from payments.models import BankAccount, Payout
from payments.serializers.time import unix

# In Stripe's words, as far as its list goes.
FAILURES = {
    "account_closed": "The bank account has been closed.",
    "no_account": "The bank account could not be found.",
    "could_not_process": "The bank could not process this payout.",
    "debit_not_authorized": "The bank does not take payouts for this account.",
    "insufficient_funds": "Our own account did not have the money.",
}


def payout(row: Payout) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "object": "payout",
        "amount": row.amount_minor,
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": unix(row.arrival_on),
        "automatic": row.automatic,
        "balance_transaction": row.balance_transaction,
        "created": unix(row.created_at),
        "currency": row.currency,
        "description": row.description or None,
        "destination": row.bank_account.public_id,
        "failure_balance_transaction": row.failure_balance_transaction,
        "failure_code": row.failure_code or None,
        "failure_message": FAILURES.get(row.failure_code, "The bank returned this payout.")
        if row.failure_code
        else None,
        "livemode": row.livemode,
        "metadata": row.metadata,
        "method": "standard",
        "original_payout": None,
        "payout_method": None,
        "reconciliation_status": "completed" if row.automatic else "not_applicable",
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": row.statement_descriptor or None,
        "status": row.state,
        "trace_id": {"status": "supported", "value": row.processor_id} if row.processor_id else None,
        "type": "bank_account",
    }


def bank_account(row: BankAccount) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "object": "bank_account",
        "account_holder_name": row.holder,
        "account_holder_type": None,
        "account_type": None,
        "bank_name": row.bank_name or None,
        "country": row.country,
        "currency": row.currency,
        "fingerprint": None,
        "last4": row.last4,
        "routing_number": row.routing_number or None,
        "status": "new",
    }
