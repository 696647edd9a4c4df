"""Reconciliation in the console: the workbench of breaks, and the reports. Django finds the pages here."""

from reconciliation.admin import reports, workbench

__all__ = ["reports", "workbench"]
