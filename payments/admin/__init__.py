"""Payments in the console: to look at, to refund, and to route. Django finds the pages by importing this package."""

from payments.admin import charges, processors, records, routing

__all__ = ["charges", "processors", "records", "routing"]
