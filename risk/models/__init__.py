"""What is decided about payments before anybody is asked for money, and what people decide about those that wait."""

from risk.models.decision import Decision, Verdict
from risk.models.review import Review
from risk.models.settings import RiskSettings

__all__ = ["Decision", "Review", "RiskSettings", "Verdict"]
