"""Payments, their attempts, payouts, and every call we make for them. States move forward only, here and in the
database; each move leaves a timeline row in the same transaction."""

from payments.models.balance import BalanceTransaction
from payments.models.charge import Charge
from payments.models.checkout import CheckoutSession
from payments.models.dispute import Dispute
from payments.models.evidence import EvidenceFile
from payments.models.exchange import Exchange
from payments.models.fee_plan import FeePlan
from payments.models.intent import PaymentIntent
from payments.models.operation import Operation
from payments.models.owned import Owned
from payments.models.payout import BankAccount, Payout
from payments.models.refund import Refund
from payments.models.routing import ProcessorHealth, RoutingRule
from payments.models.terms import Terms
from payments.models.timeline import TimelineEntry

__all__ = [
    "BalanceTransaction",
    "BankAccount",
    "Charge",
    "CheckoutSession",
    "Dispute",
    "EvidenceFile",
    "Exchange",
    "FeePlan",
    "Operation",
    "Owned",
    "PaymentIntent",
    "Payout",
    "ProcessorHealth",
    "Refund",
    "RoutingRule",
    "Terms",
    "TimelineEntry",
]
