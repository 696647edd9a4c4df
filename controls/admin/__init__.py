"""Alerts, approvals and thresholds in the console. Django finds the pages by importing this package."""

from controls.admin import alerts, approvals, thresholds

__all__ = ["alerts", "approvals", "thresholds"]
