"""How the console words payments: states with their colours, cards, and who did it."""

from datetime import UTC, datetime

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.showing import badge, words
from payments.models import Charge, Dispute

BRANDS = {"amex": "Amex", "jcb": "JCB", "unionpay": "UnionPay"}
TONES = {
    "captured": "good",
    "succeeded": "good",
    "paid": "good",
    "available": "good",
    "in_transit": "info",
    "enabled": "good",
    "authorized": "info",
    "requires_capture": "info",
    "requires_action": "info",
    "created": "open",
    "processing": "open",
    "pending": "open",
    "partially_refunded": "info",
    "refunded": "quiet",
    "not_done": "quiet",
    "action_required": "info",
    "requires_confirmation": "open",
    "canceled": "quiet",
    "voided": "quiet",
    "expired": "quiet",
    "failed": "bad",
    "declined": "bad",
    "requires_payment_method": "bad",
    "given_up": "bad",
    "unknown": "bad",
    "needs_response": "open",
    "warning_needs_response": "open",
    "under_review": "info",
    "warning_under_review": "info",
    "warning_closed": "quiet",
    "won": "good",
    "lost": "bad",
}

OURSELVES = {
    "": "Tollgate",
    "beat": "Tollgate, on schedule",
    "cardholder": "The cardholder",
    "sweeper": "Tollgate, looking after it",
}


def state_badge(state: str) -> SafeString:
    return badge(words(state), TONES.get(state, "quiet"))


def deadline(dispute: Dispute) -> SafeString | str:
    """How long there still is to answer, and until when; nothing for one that can't be answered any more."""
    if dispute.state not in Dispute.ANSWERABLE or dispute.due_by is None:
        return "–"
    return time_left(dispute.due_by)


def time_left(due: datetime) -> SafeString:
    """How long there still is, and until when."""
    left = due - timezone.now()
    days = left.days
    if left.total_seconds() <= 0:
        sign = badge("Too late", "bad")
    elif days < 1:
        sign = badge(f"{int(left.total_seconds() // 3600)} hours left", "bad")
    else:
        sign = badge(f"{days} day{'' if days == 1 else 's'} left", "open" if days < 3 else "quiet")
    until = due.astimezone(UTC)
    return format_html(
        '<span class="tg-deadline">{} <time datetime="{}" title="{}">{} <small>UTC</small></time></span>',
        sign,
        until.isoformat(),
        until.strftime("%d %b %Y %H:%M:%S UTC"),
        until.strftime("%d %b %H:%M"),
    )


def card_text(charge: Charge) -> str:
    """`Visa •••• 4242`, which is all that anyone here may know of a card."""
    brand = BRANDS.get(charge.card_brand, charge.card_brand.capitalize() or "Card")
    return f"{brand} •••• {charge.card_last4}" if charge.card_last4 else "–"


def shown_state(charge: Charge, refunded_minor: int) -> str:
    """The charge's state as people call it: refunds are no state, but what they look for."""
    if charge.state != Charge.State.CAPTURED or not refunded_minor:
        return str(charge.state)
    return "refunded" if refunded_minor >= (charge.captured_minor or 0) else "partially_refunded"


def who(actor: str) -> str:
    """Who did it, in words: a person, a merchant's key, or ourselves."""
    kind, _, name = actor.partition(":")
    if kind == "staff" and name:
        return f"{name} (staff)"
    if actor.startswith(("sk_", "pk_")):
        return f"API key {actor}"
    if kind == "notification" and name:
        return f"{name}, by notification"
    return OURSELVES.get(actor, actor)
