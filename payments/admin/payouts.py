"""Payouts, what could be paid out, and the accounts that it goes to."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from unfold.decorators import action
from unfold.widgets import INPUT_CLASSES

from core.console import DayFilter, ModeFilter
from core.errors import InvalidRequest
from core.showing import badge, mode, moment, page_url
from merchants.models import Merchant
from payments.admin.columns import PAYMENT_FILTERS, PaymentAdmin
from payments.admin.paying_out import cancel_page, payout_page
from payments.admin.story import Call, Told, answer_of
from payments.models import BankAccount, Payout
from payments.queries import holdings
from payments.services.bank_accounts import name_bank_account
from payments.showing import state_badge, who

MAX_HOLDINGS_SHOWN = 1_000


@admin.register(Payout)
class PayoutAdmin(PaymentAdmin):
    page_template = "payments/payout.html"
    export_fields = [
        *("public_id", "state", "amount_minor", "currency", "arrival_on", "scheduled_on", "processor"),
        *("failure_code", "livemode", "merchant__public_id", "merchant__name", "created_at"),
    ]
    list_display = ["id_column", "amount", "status", "account", "arrival", "merchant", "mode", "created"]
    list_display_links = None
    list_select_related = ["merchant", "bank_account"]
    list_filter = ["state", *PAYMENT_FILTERS, ("created_at", DayFilter)]
    search_fields = ["public_id__exact"]
    search_help_text = "The whole id"
    actions_list = ["balances"]

    def get_urls(self) -> list[URLPattern]:
        cancel = self.admin_site.admin_view(self.cancel)
        urls: list[URLPattern] = super().get_urls()
        return [path("<int:pk>/cancel/", cancel, name="payments_payout_cancel"), *urls]

    def cancel(self, request: HttpRequest, pk: int) -> HttpResponse:
        return cancel_page(self, request, pk)

    @action(description="Balances", url_path="balances", permissions=["view"], icon="savings")  # type: ignore[untyped-decorator]
    def balances(self, request: HttpRequest) -> HttpResponse:
        """What each merchant has in each currency, and who owes us."""
        livemode = request.GET.get("mode") == "live"
        found = holdings(livemode=livemode, limit=MAX_HOLDINGS_SHOWN + 1)
        accounts = BankAccount.objects.filter(livemode=livemode, removed_at=None)
        places = {(account.merchant_id, account.currency): account for account in accounts}
        return self.render(
            request,
            "payments/balances.html",
            title="Balances",
            livemode=livemode,
            shown=MAX_HOLDINGS_SHOWN if len(found) > MAX_HOLDINGS_SHOWN else 0,
            holdings=[
                (row, places.get((row.merchant_id, row.currency))) for row in found[:MAX_HOLDINGS_SHOWN]
            ],
            may_pay_out=request.user.has_perm("payments.add_payout"),
        )

    @admin.display(description="goes to")
    def account(self, payout: Payout) -> str:
        return str(payout.bank_account)

    @admin.display(description="arrives")
    def arrival(self, payout: Payout) -> SafeString | str:
        return moment(payout.arrival_on)

    def page(self, request: HttpRequest, payout: Any) -> dict[str, Any]:
        return {
            "title": f"Payout {payout.public_id}",
            "state": state_badge(payout.state),
            "mode": mode(payout.livemode),
            "may_cancel": payout.state == Payout.State.PENDING
            and request.user.has_perm("payments.change_payout"),
            "calls": [Call(each, answer_of(each)) for each in payout.operations.order_by("pk")],
            "timeline": [
                Told(entry, who(entry.actor), [("payout", entry.payout_state)])
                for entry in payout.timeline.select_related("operation").order_by("pk")
            ],
        }


class BankAccountForm(forms.Form):
    merchant = forms.ModelChoiceField(Merchant.objects.order_by("name", "pk"))
    livemode = forms.ChoiceField(label="Mode", choices=[("", "Test"), ("live", "Live")], required=False)
    currency = forms.CharField(max_length=3, help_text="Its three letters, such as EUR.")
    holder = forms.CharField(label="In the name of", max_length=200)
    country = forms.CharField(max_length=2, help_text="Its two letters, such as DE.")
    account_number = forms.CharField(max_length=60)
    routing_number = forms.CharField(max_length=34, required=False)
    bank_name = forms.CharField(max_length=100, required=False)
    reason = forms.CharField(label="Why?", max_length=200)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            chosen = isinstance(field, forms.ChoiceField)
            field.widget.attrs["class"] = "tg-select" if chosen else " ".join(INPUT_CLASSES)


@admin.register(BankAccount)
class BankAccountAdmin(PaymentAdmin):
    page_template = "payments/bank_account.html"
    # Never the whole number: it leaves for the bank only.
    export_fields = [
        *("public_id", "holder", "country", "currency", "bank_name", "livemode", "merchant__public_id"),
        *("merchant__name", "created_at", "removed_at"),
    ]
    list_display = ["id_column", "goes_to", "holder", "currency", "in_use", "merchant", "mode", "created"]
    list_display_links = None
    list_filter = [("livemode", ModeFilter), *PAYMENT_FILTERS[1:]]
    search_fields = ["public_id__exact"]
    search_help_text = "The whole id"

    @admin.display(description="account")
    def goes_to(self, account: BankAccount) -> str:
        return str(account)

    @admin.display(description="in use")
    def in_use(self, account: BankAccount) -> SafeString:
        return badge("In use", "good") if account.removed_at is None else badge("Replaced", "quiet")

    def page(self, request: HttpRequest, account: Any) -> dict[str, Any]:
        return {
            "title": f"Bank account {account.public_id}",
            "in_use": self.in_use(account),
            "mode": mode(account.livemode),
            "may_pay_out": account.removed_at is None and request.user.has_perm("payments.add_payout"),
            "payouts": account.payouts.order_by("-pk")[:10],
        }

    def get_urls(self) -> list[URLPattern]:
        pay_out = self.admin_site.admin_view(self.pay_out)
        urls: list[URLPattern] = super().get_urls()
        return [path("<int:pk>/pay-out/", pay_out, name="payments_bankaccount_pay_out"), *urls]

    def pay_out(self, request: HttpRequest, pk: int) -> HttpResponse:
        return payout_page(self, request, pk)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("payments.add_bankaccount"))

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Another account is another row; the one before it is out of use from then on."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = BankAccountForm(request.POST or None)
        if request.method == "POST" and form.is_valid() and (account := self._name(request, form)):
            messages.success(request, f"{account.merchant} is paid out to {account} from now on.")
            return redirect(page_url(account))
        return self.render(
            request,
            "payments/routing_form.html",
            title="Name a bank account",
            note="What the merchant has in this currency goes there from now on; payouts under way stay.",
            form=form,
            button="Name it",
            danger=False,
            back=reverse("admin:payments_bankaccount_changelist"),
        )

    def _name(self, request: HttpRequest, form: BankAccountForm) -> BankAccount | None:
        said = form.cleaned_data
        try:
            with transaction.atomic():
                account = name_bank_account(
                    said["merchant"],
                    livemode=said["livemode"] == "live",
                    currency=said["currency"].lower(),
                    holder=said["holder"],
                    country=said["country"].upper(),
                    account_number=said["account_number"],
                    routing_number=said["routing_number"],
                    bank_name=said["bank_name"],
                )
                self.log_addition(
                    request, account, f"{account} for {account.currency.upper()}: {said['reason']}"
                )
        except InvalidRequest as error:
            form.add_error(error.param if error.param in form.fields else None, error.message)
            return None
        return account
