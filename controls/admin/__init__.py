"""Alerts, approvals, audit and thresholds in the console. Django finds the pages by importing this package."""

from controls.admin import alerts, approvals, audit, thresholds

__all__ = ["alerts", "approvals", "audit", "thresholds"]
