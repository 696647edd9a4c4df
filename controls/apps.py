from django.apps import AppConfig


class ControlsConfig(AppConfig):
    name = "controls"

    def ready(self) -> None:
        # It has to do with models, which are there only now.
        from controls import key_addresses, live_keys
        from controls.actions import register
        from controls.audit import keep
        from core.audit import keep_with

        keep_with(keep)
        register(live_keys.LIVE_KEY)
        register(key_addresses.KEY_ADDRESSES)
