"""Risk in the console: decisions, and the rules behind them. Django finds the pages by importing this package."""

from risk.admin import decisions, rules

__all__ = ["decisions", "rules"]
