from django.apps import AppConfig


class ReconciliationConfig(AppConfig):
    name = "reconciliation"

    def ready(self) -> None:
        # It has to do with models, which are there only now.
        from controls import actions
        from reconciliation.services.approved_break import RESOLUTION

        actions.register(RESOLUTION)
