"""Where merchants are paid out to."""

import re

from django.utils import timezone

from core.db import in_transaction
from core.errors import InvalidRequest
from core.money import CURRENCIES
from merchants.models import Merchant
from payments.models import BankAccount


@in_transaction
def name_bank_account(
    merchant: Merchant,
    *,
    livemode: bool,
    currency: str,
    holder: str,
    country: str,
    account_number: str,
    routing_number: str = "",
    bank_name: str = "",
) -> BankAccount:
    """From now on the merchant's money of this currency goes there; payouts under way go where they went.
    InvalidRequest names what is wrong."""
    number = re.sub(r"[\s-]", "", account_number).upper()
    if currency not in CURRENCIES:
        raise InvalidRequest(f"Invalid currency: {currency}.", param="currency")
    if not re.fullmatch("[A-Z]{2}", country):
        raise InvalidRequest(f"Invalid country: {country}. Use its two letters.", param="country")
    if not re.fullmatch("[A-Z0-9]{4,34}", number):
        raise InvalidRequest("An account number has 4 to 34 letters and digits.", param="account_number")
    # One names an account at a time.
    Merchant.objects.select_for_update(no_key=True).get(pk=merchant.pk)
    BankAccount.objects.filter(
        merchant=merchant, livemode=livemode, currency=currency, removed_at=None
    ).update(removed_at=timezone.now())
    return BankAccount.objects.create(
        merchant=merchant,
        livemode=livemode,
        currency=currency,
        holder=holder,
        country=country,
        account_number=number,
        routing_number=routing_number,
        bank_name=bank_name,
    )
