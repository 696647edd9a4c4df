"""Which pages may bring a merchant's cards, in the console."""

from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path

from controls.admin.keys import KeyPages
from core.hosted import script_tag
from merchants.forms import OriginsForm
from merchants.models import AllowedOrigins, Merchant
from merchants.services import allow_origins

MODES = {"test": False, "live": True}
NOTE = (
    "Pages of these origins may show our card fields and bring cards with the merchant's {mode} publishable keys; no "
    "other page may. It holds within seconds."
)
TEST_NOTE = " In test mode pages on a developer's own machine (localhost) may always."


class OriginPages(KeyPages):
    """The origins of the row's merchant, one list for each mode."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.origins)
        return [path("<int:pk>/origins/<str:mode>/", view, name="merchants_origins"), *super().get_urls()]

    def origins(self, request: HttpRequest, pk: int, mode: str) -> HttpResponse:
        self.require(request, "merchants.change_apikey")
        if mode not in MODES:
            raise Http404(mode)
        livemode, merchant = MODES[mode], get_object_or_404(Merchant, pk=pk)
        before = origins_of(merchant)[mode]
        form = OriginsForm(request.POST or None, livemode=livemode, initial={"origins": "\n".join(before)})
        if not (request.method == "POST" and form.is_valid()):
            note = NOTE.format(mode=mode) + ("" if livemode else TEST_NOTE)
            title = f"Pages that may take cards for {merchant}, {mode} mode"
            return self.form_page(request, form, row=merchant, title=title, button="Save", note=note)
        with transaction.atomic():
            kept = allow_origins(merchant, form.cleaned_data["origins"], livemode=livemode)
            said = f"Cards in {mode} mode come from {', '.join(kept) or 'no listed origin'}"
            was = f" (before: {', '.join(before) or 'none listed'})"
            self.log_change(request, merchant, f"{said}{was}: {form.cleaned_data['reason']}")
        return self.back_to(merchant)


def origins_of(merchant: Merchant) -> dict[str, list[str]]:
    known = dict(AllowedOrigins.objects.filter(merchant=merchant).values_list("livemode", "origins"))
    return {mode: known.get(livemode, []) for mode, livemode in MODES.items()}


def browser_facts(merchant: Merchant) -> dict[str, Any]:
    """For the merchant's page: what to paste, and which pages may."""
    return {"script_tag": script_tag(settings.VAULT_PUBLIC_URL), "origins": origins_of(merchant).items()}
