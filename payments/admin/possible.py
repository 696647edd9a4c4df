"""What a person may do with a charge as it stands now, and why not where they may not: the buttons of its page."""

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse

from core.showing import money
from payments.admin import doubting, holding, refunding
from payments.admin.story import Call, Story
from payments.models import Charge


@dataclass(frozen=True)
class Possible:
    label: str
    url: str
    # `primary` for what people mostly come for.
    tone: str = ""


def possible(request: HttpRequest, charge: Charge, story: Story) -> list[Possible]:
    found = []
    if holding.may_change(request):
        if holding.can_capture(charge, under_way=story.under_way):
            found.append(_button("Capture", "capture", charge, "primary"))
        if holding.can_void(charge, under_way=story.under_way):
            found.append(_button("Void", "void", charge))
    if refunding.may_refund(request) and story.refundable_minor > 0:
        left = money(story.refundable_minor, charge.currency)
        label = "Refund" if story.refundable_minor == charge.captured_minor else f"Refund (up to {left})"
        found.append(_button(label, "refund", charge, "primary"))
    return found


def doubts(story: Story) -> list[Call]:
    """The calls whose outcome a person may have looked up, or decide."""
    return [call for call in story.calls if doubting.is_in_doubt(call.operation)]


def _button(label: str, way: str, charge: Charge, tone: str = "") -> Possible:
    return Possible(label, reverse(f"admin:payments_charge_{way}", args=[charge.pk]), tone)
