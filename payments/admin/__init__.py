"""Payments in the console: to look at, and to refund. Django finds the pages by importing this package."""

from payments.admin import charges, records

__all__ = ["charges", "records"]
