"""Payments in the console: to look at, to refund, and to route. Django finds the pages by importing this package."""

from payments.admin import charges, payouts, processors, records, routing

__all__ = ["charges", "payouts", "processors", "records", "routing"]
