from django.apps import AppConfig, apps
from django.core.checks import register


class CoreConfig(AppConfig):
    name = "core"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        if apps.is_installed("django.contrib.admin"):
            # It has to do with models, which are there only now.
            from core.checks import lists_have_their_fields

            register(lists_have_their_fields)
