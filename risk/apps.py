from django.apps import AppConfig


class RiskConfig(AppConfig):
    name = "risk"

    def ready(self) -> None:
        # It has to do with models, which are there only now.
        from controls.actions import register
        from risk.services.approved_model import SCORE_MODEL
        from risk.services.approved_rule import RISK_RULE

        register(RISK_RULE)
        register(SCORE_MODEL)
