"""`python -m vault check`: what an operator must have set right before the first card arrives."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from vault.errors import HsmUnavailable
from vault.keyring import KeyFileUnusable, load_key_ring


@register(deploy=True)
def key_file(**kwargs: Any) -> list[CheckMessage]:
    """The key file can be read, holds whole keys, all of which work, and is the vault's alone."""
    path = Path(settings.VAULT_KEY_FILE)
    try:
        ring = load_key_ring(path)
        for key in ring.keys.values():
            key.unwrap(key.wrap(b"check", purpose="check", bound_to=""), purpose="check", bound_to="")
    except KeyFileUnusable as error:
        return [Error(str(error), id="vault.E001")]
    except HsmUnavailable as error:
        return [Error(error.for_operator, id="vault.E002")]
    if path.stat().st_mode & 0o077:
        return [Warning("VAULT_KEY_FILE can be read by other users: chmod 600 it.", id="vault.W001")]
    return []


@register(deploy=True)
def public_url(**kwargs: Any) -> list[CheckMessage]:
    """The gateway's pages are known, so that its checkout can frame the card's fields."""
    if not settings.PUBLIC_URL.startswith("https://"):
        return [
            Warning(
                "PUBLIC_URL does not say where browsers find the gateway over HTTPS: its checkout page can't "
                "take cards.",
                id="vault.W004",
            )
        ]
    return []


@register(deploy=True)
def forward_origins(**kwargs: Any) -> list[CheckMessage]:
    """Cards leave for somewhere, and encrypted."""
    if not settings.VAULT_FORWARD_ORIGINS:
        return [Warning("VAULT_FORWARD_ORIGINS is empty: no card can be sent anywhere.", id="vault.W002")]
    plain = [host for scheme, host, _ in settings.VAULT_FORWARD_ORIGINS if scheme == "http"]
    if plain:
        return [Warning(f"Cards would travel unencrypted to {', '.join(sorted(plain))}.", id="vault.W003")]
    return []
