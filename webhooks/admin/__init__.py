"""Webhooks in the console. Django finds the pages by importing this package."""

from webhooks.admin import endpoints, inbox, records

__all__ = ["endpoints", "inbox", "records"]
