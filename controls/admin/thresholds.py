"""From which amount on an action takes a second person, per currency."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from controls.actions import TwoPeople, actions
from controls.models import Threshold
from core.console import Audited
from core.exporting import Exportable
from core.money import CURRENCIES, decimals
from core.showing import money, words

MAX_DIGITS = 15


class ThresholdForm(forms.ModelForm[Threshold]):
    """The amount as people write it."""

    action = forms.ChoiceField(choices=list, widget=UnfoldAdminSelectWidget)
    currency = forms.ChoiceField(
        choices=[("", "–"), *((currency, currency.upper()) for currency in sorted(CURRENCIES))],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    amount = forms.DecimalField(
        min_value=0,
        required=False,
        max_digits=MAX_DIGITS,
        help_text="What is above this takes a second person. Once an action has thresholds, currencies without "
        "one take a second person for any amount. Without currency and amount for what has none, such as keys: then "
        "it always takes two.",
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
    )

    class Meta:
        model = Threshold
        fields = ["action", "currency"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["action"] = forms.ChoiceField(
            choices=[
                (action.name, action.title)
                for action in actions()
                if action.two_people is not TwoPeople.ALWAYS
            ],
            widget=UnfoldAdminSelectWidget,
        )
        known = self.instance
        if known.pk and known.currency:
            shown = Decimal(known.amount_minor).scaleb(-decimals(known.currency))
            self.fields["amount"].initial = f"{shown:f}"

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        amount, currency = cleaned.get("amount"), cleaned.get("currency")
        switched = [one.name for one in actions() if one.two_people is TwoPeople.SWITCHED]
        if cleaned.get("action") in switched:
            if currency or amount is not None:
                self.add_error(None, "This has no amount: leave currency and amount empty.")
            self.instance.amount_minor = 0
            return cleaned
        for name in ("currency", "amount"):
            if name not in self.errors and cleaned.get(name) in (None, ""):
                self.add_error(name, "This field is required.")
        if amount is not None and currency:
            minor = amount.scaleb(decimals(currency))
            if minor != minor.to_integral_value():
                self.add_error("amount", f"At most {decimals(currency)} decimals in this currency.")
            self.instance.amount_minor = int(minor)
        return cleaned


@admin.register(Threshold)
class ThresholdAdmin(Exportable, Audited, ModelAdmin):  # type: ignore[misc]  # unfold has no types
    form = ThresholdForm
    export_fields = ["action", "amount_minor", "currency"]
    list_display = ["what", "currency_code", "amount"]
    ordering = ["action", "currency"]
    actions = None

    def audit_words(self, row: Threshold) -> str:
        return f"{words(row.action)}: {self.amount(row)}."

    @admin.display(description="action")
    def what(self, threshold: Threshold) -> str:
        return words(threshold.action)

    @admin.display(description="currency")
    def currency_code(self, threshold: Threshold) -> str:
        return threshold.currency.upper() or "–"

    @admin.display(description="rule")
    def amount(self, threshold: Threshold) -> str:
        if not threshold.currency:
            return "always two people"
        return f"one person up to {money(threshold.amount_minor, threshold.currency)}"
