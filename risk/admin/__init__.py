"""Risk in the console: decisions, and the rules and scores behind them. Django finds the pages by importing
this package."""

from risk.admin import decisions, rules, score_models

__all__ = ["decisions", "rules", "score_models"]
