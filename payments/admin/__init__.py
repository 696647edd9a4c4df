"""Payments in the console: to look at, to refund, and to route. Django finds the pages by importing this package."""

from payments.admin import charges, disputes, fee_plans, payouts, processors, records, reviews, routing, terms

__all__ = [
    "charges",
    "disputes",
    "fee_plans",
    "payouts",
    "processors",
    "records",
    "reviews",
    "routing",
    "terms",
]
