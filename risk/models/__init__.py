"""What is decided about payments before anybody is asked for money, by which rules, and what people decide about
those that wait."""

from risk.models.back_test import BackTest
from risk.models.decision import Decision, Verdict
from risk.models.lists import ItemType, ValueList, ValueListItem
from risk.models.review import Review
from risk.models.rule import Rule, RuleChange, RuleVersion
from risk.models.score_model import ScoreModel, ScoreModelChange
from risk.models.settings import RiskSettings

__all__ = [
    "BackTest",
    "Decision",
    "ItemType",
    "Review",
    "RiskSettings",
    "Rule",
    "RuleChange",
    "RuleVersion",
    "ScoreModel",
    "ScoreModelChange",
    "ValueList",
    "ValueListItem",
    "Verdict",
]
