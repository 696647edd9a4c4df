"""Alerts, approvals, audit, thresholds, and what takes two people by them, in the console. Django finds the pages by
importing this package."""

from controls.admin import alerts, approvals, audit, merchants, thresholds

__all__ = ["alerts", "approvals", "audit", "merchants", "thresholds"]
