"""Fees in the console: every version in words, and a form that asks a second person for the next one."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.safestring import SafeString

from controls.approvals import ask_for_approval
from controls.errors import ApprovalRefused
from core.audit import note
from core.console import DayFilter, ReadOnlyAdmin
from core.errors import InvalidRequest
from core.ids import random_text
from core.showing import link, moment, money, page_url
from merchants.filters import MerchantFilter
from merchants.models import Merchant
from payments.admin.fee_form import KEY_CHARACTERS, FeeForm, FeeRules, initial_of
from payments.fees import Plan, in_words
from payments.models import FeePlan
from payments.services import approved_fee_plan

# What a sale of so much costs, for the page: in currencies of 2, 0 and 3 decimals.
SAMPLES = (("eur", 1_000), ("eur", 10_000), ("usd", 10_000), ("jpy", 10_000), ("kwd", 10_000))


@admin.register(FeePlan)
class FeePlanAdmin(ReadOnlyAdmin):
    page_template = "payments/fee_plan.html"
    export_fields = [
        *("public_id", "merchant__public_id", "merchant__name", "version", "home_country", "rules"),
        *("made_by", "reason", "created_at"),
    ]
    list_display = ["what", "whose", "prices", "made_by", "created"]
    list_display_links = None
    list_select_related = ["merchant"]
    list_filter = [MerchantFilter, ("created_at", DayFilter)]
    search_fields = ["public_id__exact", "merchant__public_id__exact"]
    search_help_text = "The whole id of a plan or of a merchant"

    @admin.display(description="plan")
    def what(self, row: FeePlan) -> SafeString:
        return link(page_url(row), f"Version {row.version}")

    @admin.display(description="for")
    def whose(self, row: FeePlan) -> str:
        return str(row.merchant or "Everybody without a plan of their own")

    @admin.display(description="prices")
    def prices(self, row: FeePlan) -> str:
        return "; ".join(_words(row.plan))

    @admin.display(description="since", ordering="pk")
    def created(self, row: FeePlan) -> SafeString | str:
        return moment(row.created_at)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("payments.add_feeplan"))

    def page(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        latest = _latest(row.merchant)
        return {
            "title": f"Fees: {row}",
            "rules": _words(row.plan),
            "samples": [
                (money(amount, currency), money(row.plan.fee(amount, currency=currency), currency))
                for currency, amount in SAMPLES
            ],
            "is_latest": latest is not None and latest.pk == row.pk,
            "may_change": self.has_add_permission(request),
        }

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The next version of a merchant's plan (`?merchant=`), or of the standard one. It begins as the one that
        holds now; nothing changes until somebody else has agreed."""
        if not (self.has_add_permission(request) and self.has_view_permission(request)):
            raise PermissionDenied
        sent = request.POST if request.method == "POST" else None
        given = request.GET.get("merchant", "")
        merchant = Merchant.objects.filter(pk=given).first() if given.isdecimal() else None
        holds = _latest(merchant) or _latest(None)
        form = FeeForm(
            sent,
            initial={
                "key": f"console_{random_text(KEY_CHARACTERS)}",
                "merchant": merchant,
                "home_country": holds.home_country if holds else "",
            },
        )
        rules = FeeRules(sent, prefix="rules", initial=initial_of(holds.plan) if holds else None)
        if (
            sent is not None
            and form.is_valid()
            and rules.is_valid()
            and (asked := _ask(request, form, rules))
        ):
            return asked
        return self.render(
            request, "payments/fee_form.html", title="New fees", form=form, rules=rules, merchant=merchant
        )


def _latest(merchant: Merchant | None) -> FeePlan | None:
    return FeePlan.objects.filter(merchant=merchant).order_by("version").last()


def _words(plan: Plan) -> list[str]:
    return [in_words(rule, plan.home_country) for rule in plan.rules]


def _ask(request: Any, form: FeeForm, rules: Any) -> HttpResponse | None:
    said = form.cleaned_data
    try:
        wish = approved_fee_plan.wish(said["merchant"], rules.given(), home_country=said["home_country"])
        with transaction.atomic():
            approval = ask_for_approval(wish, key=said["key"], maker=request.user, reason=said["reason"])
            note(request, "changed", f"Asks somebody to approve new fees: {approval}.", approval)
    except (InvalidRequest, ApprovalRefused) as error:
        form.add_error(None, error.message)
        return None
    messages.warning(
        request, f"Fees take a second person. {approval} waits for one; nothing has changed yet."
    )
    return redirect(page_url(approval))
