"""Webhooks in the console. Django finds the pages by importing this package."""

from webhooks.admin import endpoints, records

__all__ = ["endpoints", "records"]
