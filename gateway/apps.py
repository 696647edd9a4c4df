from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_migrate
from django.utils.module_loading import autodiscover_modules


class GatewayConfig(AppConfig):
    name = "gateway"

    def ready(self) -> None:
        from gateway import checks  # noqa: F401  registers itself

        # They have to do with models, which are there only now.
        from gateway.roles import make_roles
        from gateway.sign_in import remember_sign_in

        post_migrate.connect(make_roles, sender=self, dispatch_uid="gateway.roles")
        # What each app has to say on the first page, and what it finds.
        autodiscover_modules("home", "finding")
        user_logged_in.connect(remember_sign_in, dispatch_uid="gateway.sign_in")
