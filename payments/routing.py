"""Which processor a payment goes to, and the adapters themselves, built once per process from the settings."""

import functools
from typing import Any, cast

from django.conf import settings
from django.utils.module_loading import import_string

from payments.errors import NoProcessor, ProcessorGone
from processors.protocol import Processor
from processors.vault import VaultClient


def choose(*, livemode: bool) -> str:
    """The name of the processor for a new attempt. NoProcessor where none serves the mode."""
    for name, config in settings.PROCESSORS.items():
        if config["livemode"] == livemode:
            return str(name)
    raise NoProcessor(livemode=livemode)


def check_configured(name: str) -> None:
    """ProcessorGone for a processor that is no longer set up, before anything is promised in its name."""
    if name not in settings.PROCESSORS:
        raise ProcessorGone(name)


@functools.cache
def processor(name: str) -> Processor:
    """The adapter of that name. KeyError for one that is no longer configured."""
    config: dict[str, Any] = settings.PROCESSORS[name]
    return cast(
        Processor,
        import_string(config["adapter"])(name=name, vault=vault(), **config.get("options", {})),
    )


@functools.cache
def vault() -> VaultClient:
    return VaultClient(settings.VAULT_URL, settings.VAULT_SHARED_SECRET)
