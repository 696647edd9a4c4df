"""Reads. Nothing here changes a row, and every read for a client is bound to its merchant and mode."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import QuerySet, Sum

from core.errors import ResourceMissing
from merchants.auth import Caller
from payments.models import (
    BalanceTransaction,
    BankAccount,
    Charge,
    CheckoutSession,
    Dispute,
    PaymentIntent,
    Payout,
    Refund,
)
from risk.models import Review


def charges(caller: Caller) -> QuerySet[Charge]:
    own = Charge.objects.filter(merchant_id=caller.merchant_id, livemode=caller.livemode)
    return own.select_related("payment_intent", "decision")


def charge(caller: Caller, public_id: str, *, param: str = "id", in_path: bool = False) -> Charge:
    """ResourceMissing for what is not this merchant's, in this mode."""
    found = charges(caller).filter(public_id=public_id).first()
    if found is None:
        raise ResourceMissing("charge", public_id, param=param, in_path=in_path)
    return found


def refunds(caller: Caller) -> QuerySet[Refund]:
    own = Refund.objects.filter(merchant_id=caller.merchant_id, livemode=caller.livemode)
    return own.select_related("charge", "payment_intent")


def refund(caller: Caller, public_id: str) -> Refund:
    found = refunds(caller).filter(public_id=public_id).first()
    if found is None:
        raise ResourceMissing("refund", public_id, in_path=True)
    return found


def lock_charge(caller: Caller, public_id: str, *, param: str = "id", in_path: bool = False) -> Charge:
    """The same, locked inside the caller's transaction."""
    own = Charge.objects.filter(merchant_id=caller.merchant_id, livemode=caller.livemode, public_id=public_id)
    found = with_intent(own.select_for_update(no_key=True).first())
    if found is None:
        raise ResourceMissing("charge", public_id, param=param, in_path=in_path)
    return found


def with_intent(locked: Charge | None) -> Charge | None:
    """A locked charge with its intent, read once the lock is held: a join would show it as it was before the wait."""
    if locked is not None:
        locked.payment_intent = PaymentIntent.objects.get(pk=locked.payment_intent_id)
    return locked


def payment_intents(caller: Caller) -> QuerySet[PaymentIntent]:
    return PaymentIntent.objects.filter(merchant_id=caller.merchant_id, livemode=caller.livemode)


def payment_intent(caller: Caller, public_id: str, *, in_path: bool = True) -> PaymentIntent:
    found = payment_intents(caller).filter(public_id=public_id).first()
    if found is None:
        raise ResourceMissing("payment_intent", public_id, param="intent", in_path=in_path)
    return found


def latest_charge(intent: PaymentIntent) -> Charge | None:
    """The last attempt. Money that came after an attempt's end is no attempt."""
    return intent.charges.filter(late_of=None).order_by("-pk").first()


def latest_charges(intents: Iterable[int]) -> dict[int, Charge]:
    """The same for many intents at once, by the intents' primary keys."""
    attempts = Charge.objects.filter(payment_intent_id__in=list(intents), late_of=None)
    attempts = attempts.select_related("decision")
    rows = attempts.order_by("payment_intent_id", "-pk").distinct("payment_intent_id")
    return {row.payment_intent_id: row for row in rows}


def lock_charge_of_intent(caller: Caller, public_id: str) -> tuple[Charge | None, PaymentIntent]:
    """An intent's last attempt, locked inside the caller's transaction before the intent itself."""
    intent = payment_intent(caller, public_id)
    charge = latest_charge(intent)
    if charge is not None:
        charge = Charge.objects.select_for_update(no_key=True).get(pk=charge.pk)
    intent = PaymentIntent.objects.select_for_update(no_key=True).get(pk=intent.pk)
    if charge is not None:
        charge.payment_intent = intent
    return charge, intent


@dataclass(frozen=True, slots=True)
class Balance:
    """What a merchant has in one currency, in its smallest unit; negative where they owe us. What is reserved is
    pending: it becomes available later."""

    currency: str
    available_minor: int
    pending_minor: int


# What the ledger owes them, and what is on its way back to cardholders, which their balance transactions don't say
# yet. One statement, so that what moves from one to the other is never in both.
BALANCE = """
    SELECT currency, coalesce(sum(minor) FILTER (WHERE state = 'available'), 0)::bigint,
        coalesce(sum(minor) FILTER (WHERE state <> 'available'), 0)::bigint
    FROM (
        SELECT account.currency, substring(account.address FROM '[^:]+$') AS state, sums.credit - sums.debit AS minor
        FROM ledger_account account CROSS JOIN LATERAL ledger_sums(account.id, NULL, false) sums
        WHERE account.merchant_id = %(merchant)s AND account.livemode = %(livemode)s
            AND account.address ~ ':(available|pending|reserved)$'
        UNION ALL
        SELECT currency, CASE WHEN from_available THEN 'available' ELSE 'pending' END, amount_minor
        FROM payments_refund
        WHERE merchant_id = %(merchant)s AND livemode = %(livemode)s AND state = 'pending' AND NOT voids
    ) every GROUP BY currency ORDER BY currency
"""


def balance(merchant_id: int, *, livemode: bool) -> list[Balance]:
    """By currency: the net of all their balance transactions, as each stands. Read from the ledger, whose sums cost
    what is recent and never the history."""
    with connection.cursor() as cursor:
        cursor.execute(BALANCE, {"merchant": merchant_id, "livemode": livemode})
        return [Balance(*row) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Holding:
    """What one merchant's accounts of one currency hold, as the ledger has it: what is on its way back to cardholders
    has left them."""

    merchant_id: int
    merchant: str
    currency: str
    available_minor: int
    pending_minor: int
    reserved_minor: int

    @property
    def debt_minor(self) -> int:
        return max(-self.available_minor, 0)


HOLDINGS = """
    SELECT merchant.id, merchant.name, account.currency,
        coalesce(sum(sums.credit - sums.debit) FILTER (WHERE account.address LIKE '%%:available'), 0)::bigint,
        coalesce(sum(sums.credit - sums.debit) FILTER (WHERE account.address LIKE '%%:pending'), 0)::bigint,
        coalesce(sum(sums.credit - sums.debit) FILTER (WHERE account.address LIKE '%%:reserved'), 0)::bigint
    FROM ledger_account account JOIN merchants_merchant merchant ON merchant.id = account.merchant_id
    JOIN ledger_sums(NULL, NULL, false) sums ON sums.account_id = account.id
    WHERE account.livemode = %(livemode)s AND account.address ~ ':(available|pending|reserved)$'
    GROUP BY merchant.id, account.currency ORDER BY merchant.name, merchant.id, account.currency LIMIT %(limit)s
"""


def holdings(*, livemode: bool, limit: int) -> list[Holding]:
    """Of all merchants, in the order of their names."""
    with connection.cursor() as cursor:
        cursor.execute(HOLDINGS, {"livemode": livemode, "limit": limit})
        return [Holding(*row) for row in cursor.fetchall()]


def balance_transactions(caller: Caller) -> QuerySet[BalanceTransaction]:
    return BalanceTransaction.objects.filter(merchant_id=caller.merchant_id, livemode=caller.livemode)


def balance_transaction(caller: Caller, public_id: str) -> BalanceTransaction:
    found = balance_transactions(caller).filter(public_id=public_id).first()
    if found is None:
        raise ResourceMissing("balance_transaction", public_id, in_path=True)
    return found


def reviews(caller: Caller) -> QuerySet[Review]:
    own = Review.objects.filter(merchant_id=caller.merchant_id, livemode=caller.livemode)
    return own.select_related("decision")


def review(caller: Caller, public_id: str) -> Review:
    found = reviews(caller).filter(public_id=public_id).first()
    if found is None:
        raise ResourceMissing("review", public_id, in_path=True)
    return found


def payouts(caller: Caller) -> QuerySet[Payout]:
    own = Payout.objects.filter(merchant_id=caller.merchant_id, livemode=caller.livemode)
    return own.select_related("bank_account", "merchant")


def payout(caller: Caller, public_id: str, *, lock: bool = False) -> Payout:
    """`lock`: inside the caller's transaction."""
    own = payouts(caller).filter(public_id=public_id)
    found = (own.select_for_update(no_key=True, of=("self",)) if lock else own).first()
    if found is None:
        raise ResourceMissing("payout", public_id, in_path=True)
    return found


def bank_accounts(caller: Caller) -> QuerySet[BankAccount]:
    own = BankAccount.objects.filter(merchant_id=caller.merchant_id, livemode=caller.livemode)
    return own.select_related("merchant")


def bank_account(caller: Caller, public_id: str) -> BankAccount:
    found = bank_accounts(caller).filter(public_id=public_id).first()
    if found is None:
        raise ResourceMissing("bank_account", public_id, in_path=True)
    return found


def refunded_minor(charge: Charge) -> int:
    """What the charge's succeeded refunds took, in minor units."""
    return refunded_by_charge([charge.pk]).get(charge.pk, 0)


def available_on(charge: Charge) -> datetime | None:
    """When the charge's money becomes available; None while nothing was captured."""
    sale = BalanceTransaction.objects.filter(public_id=charge.balance_transaction)
    return sale.values_list("available_on", flat=True).first()


def is_available(charge: Charge) -> bool:
    """Whether the charge's money stands on the merchant's available account; to be asked under the charge's lock."""
    sale = BalanceTransaction.objects.filter(public_id=charge.balance_transaction)
    return sale.filter(state=BalanceTransaction.State.AVAILABLE).exists()


def refunded_by_charge(charges: Iterable[int]) -> dict[int, int]:
    """The same for many charges at once, by primary key; charges without refunds are left out."""
    rows = (
        Refund.objects.filter(charge_id__in=list(charges), state=Refund.State.SUCCEEDED, voids=False)
        .values_list("charge_id")
        .annotate(total=Sum("amount_minor"))
    )
    return dict(rows)


def taken_minor(charge: Charge) -> int:
    """What refunds have taken or may still take: open ones count until they fail."""
    total = (
        charge.refunds.filter(voids=False)
        .exclude(state=Refund.State.FAILED)
        .aggregate(total=Sum("amount_minor"))["total"]
    )
    return int(total or 0)


def that_took_money(charge: Charge) -> Charge | None:
    """The charge as it stands now; or, where it had ended as failed, the one that its money was booked as later."""
    found = Charge.objects.filter(captured_minor__isnull=False)
    return found.filter(pk=charge.pk).first() or found.filter(late_of=charge.pk).first()


def checkout_sessions(caller: Caller) -> QuerySet[CheckoutSession]:
    own = CheckoutSession.objects.filter(merchant_id=caller.merchant_id, livemode=caller.livemode)
    return own.select_related("payment_intent")


def checkout_session(caller: Caller, public_id: str) -> CheckoutSession:
    found = checkout_sessions(caller).filter(public_id=public_id).first()
    if found is None:
        raise ResourceMissing("checkout.session", public_id, in_path=True)
    return found


def session_at(public_id: str) -> CheckoutSession | None:
    """For whoever has its address: the page that a cardholder pays at."""
    known = CheckoutSession.objects.select_related("payment_intent", "merchant")
    return known.filter(public_id=public_id).first()


def all_disputes() -> QuerySet[Dispute]:
    return Dispute.objects.select_related("charge", "payment_intent")


def disputes(caller: Caller) -> QuerySet[Dispute]:
    return all_disputes().filter(merchant_id=caller.merchant_id, livemode=caller.livemode)


def dispute(caller: Caller, public_id: str) -> Dispute:
    found = disputes(caller).filter(public_id=public_id).first()
    if found is None:
        raise ResourceMissing("dispute", public_id, param="dispute", in_path=True)
    return found


def balances_of_disputes(rows: Iterable[Dispute]) -> dict[int, list[BalanceTransaction]]:
    """By the disputes' primary keys: the money that left, and the money that came back."""
    ids = {row.pk: [row.balance_transaction, row.reversal_balance_transaction] for row in rows}
    wanted = [public_id for both in ids.values() for public_id in both if public_id]
    found = {row.public_id: row for row in BalanceTransaction.objects.filter(public_id__in=wanted)}
    return {pk: [found[public_id] for public_id in both if public_id in found] for pk, both in ids.items()}


def refusing_dispute(charge: Charge) -> Dispute | None:
    """One for which nothing of the charge may be refunded; to be asked under the charge's lock."""
    return charge.disputes.filter(state__in=Dispute.REFUSES_REFUNDS).first() if charge.disputed else None


def disputed_minor(charge: Charge) -> int:
    """What disputes have taken of the charge and not given back."""
    taken = charge.disputes.filter(state__in=Dispute.REFUSES_REFUNDS)
    return int(taken.aggregate(total=Sum("amount_minor"))["total"] or 0)
