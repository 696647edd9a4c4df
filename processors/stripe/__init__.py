"""The adapter of Stripe, and of whoever speaks its API."""

from processors.stripe.adapter import StripeProcessor

__all__ = ["StripeProcessor"]
