"""Payouts on schedule: once a day at most for each currency, of all that is available."""

import logging
from calendar import monthrange
from datetime import date

from django.utils import timezone

from core.db import in_transaction, release_connection
from core.faults import fault_point
from ledger.queries import balance
from merchants.models import Merchant
from payments import chart
from payments.attempts import Actor
from payments.models import BalanceTransaction, BankAccount, Payout, Terms
from payments.services.payout import NewPayout, open_payout
from webhooks.kick import kick

SCHEDULE = Actor("beat")

log = logging.getLogger("tollgate.payments")
before_commit = fault_point("schedule.before_commit")


def schedule_payouts() -> int:
    """Takes in the payouts of this day (UTC) that were not yet; how many. Harmless when repeated."""
    today = timezone.now().date()
    made = 0
    for terms in list(Terms.objects.exclude(payout_interval=Terms.Interval.MANUAL).order_by("merchant")):
        if not is_due(terms, today):
            continue
        accounts = BankAccount.objects.filter(merchant_id=terms.merchant_id, removed_at=None)
        for account_id in list(accounts.order_by("pk").values_list("pk", flat=True)):
            try:
                made += _pay_out(account_id, terms, today)
            except Exception:
                # One that fails must not hold the others up; it is tried again until the day is over.
                log.exception("nothing could be paid out to account %s on schedule", account_id)
            finally:
                release_connection()
    if made:
        kick()
    return made


def is_due(terms: Terms, today: date) -> bool:
    match terms.payout_interval:
        case Terms.Interval.DAILY:
            return True
        case Terms.Interval.WEEKLY:
            return today.weekday() == terms.payout_weekday
        case Terms.Interval.MONTHLY:
            return today.day == min(terms.payout_day, monthrange(today.year, today.month)[1])
        case _:
            return False


@in_transaction
def _pay_out(account_id: int, terms: Terms, today: date) -> bool:
    account = BankAccount.objects.select_related("merchant").get(pk=account_id)
    merchant = Merchant.objects.select_for_update(no_key=True).get(pk=account.merchant_id)
    same = {"merchant": merchant, "livemode": account.livemode, "currency": account.currency}
    if Payout.objects.filter(**same, scheduled_on=today).exists():
        return False
    available = chart.merchant_available(merchant.public_id)
    amount_minor = -balance(available, account.currency, account.livemode) - terms.reserve_fixed_minor
    if amount_minor < max(terms.payout_minimum_minor, 1):
        return False
    payout = open_payout(account, NewPayout(amount_minor, account.currency), SCHEDULE, scheduled_on=today)
    BalanceTransaction.objects.filter(
        **same, state=BalanceTransaction.State.AVAILABLE, payout__isnull=True
    ).update(payout=payout)
    before_commit()
    return True
