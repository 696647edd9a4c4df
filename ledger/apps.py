from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "ledger"

    def ready(self) -> None:
        # They have to do with models, which are there only now.
        from ledger import checks, limit_check

        checks.register(limit_check.limited_postings_were_within_their_limits)
        checks.register(limit_check.limited_postings_have_asked)
