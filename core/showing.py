"""How the console shows money, moments, modes, states and long names. Pure display, without any page."""

from datetime import UTC, datetime
from typing import Any

from django.db.models import Model
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.money import CURRENCIES, display


def page_url(row: Model) -> str:
    """Where the console shows a row."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def link(url: str, text: Any) -> SafeString:
    return format_html('<a class="tg-link" href="{}">{}</a>', url, text)


def badge(text: str, tone: str = "quiet") -> SafeString:
    """A short word on a coloured ground: `good`, `bad`, `open`, `info` or `quiet`."""
    return format_html('<span class="tg-badge tg-{}">{}</span>', tone, text)


def mode(livemode: bool) -> SafeString:
    """Test or live: never in doubt, and never told by colour alone."""
    return badge("LIVE", "live") if livemode else badge("TEST", "test")


def money(amount_minor: int | None, currency: str) -> str:
    """An amount as its currency writes it; bare where only raw SQL could have brought the currency in."""
    if amount_minor is None:
        return "–"
    return display(amount_minor, currency) if currency in CURRENCIES else f"{amount_minor} {currency.upper()}"


def moment(at: datetime | None) -> SafeString | str:
    """A moment in the zone of whoever looks, said so."""
    if at is None:
        return "–"
    local = timezone.localtime(at)
    return format_html(
        '<time class="tg-moment" datetime="{}">{}&nbsp;<small>{}</small></time>',
        at.astimezone(UTC).isoformat(),
        local.strftime("%d %b %Y %H:%M:%S"),
        local.tzname(),
    )


def age(since: datetime, until: datetime | None = None) -> str:
    """`3 min`, `2 h`, `5 d`: how long ago, in one unit."""
    seconds = max(0, int(((until or timezone.now()) - since).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size}\N{NO-BREAK SPACE}{unit}"
    return f"{seconds}\N{NO-BREAK SPACE}s"


def words(name: str) -> str:
    """`refund_started` and `charge.captured` as people write them."""
    return name.replace("_", " ").replace(".", " ").capitalize()
