"""The console's forms for merchants and their keys."""

import re
from typing import Any

from django import forms
from unfold.widgets import INPUT_CLASSES

from core.errors import InvalidRequest
from merchants.addresses import read_networks
from merchants.models import ApiKey, key_prefix
from merchants.origins import read_origins
from merchants.scopes import RESOURCES, SCOPES, read_scopes

OVERLAPS = [("0", "Stop at once"), ("1", "1 hour"), ("24", "24 hours"), ("72", "3 days"), ("168", "7 days")]
KINDS = [(key_prefix(kind, livemode=mode), kind, mode) for mode in (False, True) for kind in ApiKey.Kind]
INPUT = " ".join(INPUT_CLASSES)


class MerchantForm(forms.Form):
    name = forms.CharField(max_length=200, widget=forms.TextInput(attrs={"class": INPUT, "autofocus": True}))


class AddressesField(forms.CharField):
    """CIDR blocks between spaces, commas or lines, as a list."""

    def __init__(self) -> None:
        super().__init__(
            label="May be used from",
            required=False,
            help_text="Addresses and blocks such as 203.0.113.0/24, one on each line. Empty: from anywhere.",
            widget=forms.Textarea(attrs={"class": INPUT, "rows": 3}),
        )

    def clean(self, value: Any) -> list[str]:
        try:
            return read_networks(part for part in re.split(r"[\s,]+", super().clean(value)) if part)
        except InvalidRequest as error:
            raise forms.ValidationError(error.message) from error


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label="Why?", max_length=400, widget=forms.TextInput(attrs={"class": INPUT, "autocomplete": "off"})
    )


class IssueForm(ReasonForm):
    kind = forms.ChoiceField(
        label="Kind of key",
        choices=[
            (prefix, f"{kind.label} key, {'live' if mode else 'test'} mode") for prefix, kind, mode in KINDS
        ],
        widget=forms.Select(attrs={"class": "tg-select"}),
    )
    scopes = forms.MultipleChoiceField(
        label="What a restricted key may",
        required=False,
        choices=[
            (scope, f"{RESOURCES[scope.partition(':')[0]]}: {scope.partition(':')[2]}") for scope in SCOPES
        ],
        widget=forms.CheckboxSelectMultiple,
        help_text="For restricted keys only. Whoever may write may read.",
    )
    addresses = AddressesField()

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        prefix = given.get("kind", "")
        if prefix.startswith("rk"):
            try:
                given["scopes"] = read_scopes(given.get("scopes", []))
            except InvalidRequest as error:
                self.add_error("scopes", error.message)
        elif given.get("scopes"):
            self.add_error("scopes", "Only restricted keys have permissions of their own.")
        if prefix.startswith("pk") and given.get("addresses"):
            self.add_error("addresses", "Browsers use a publishable key from anywhere.")
        return given


class AddressesForm(ReasonForm):
    addresses = AddressesField()


class OriginsForm(ReasonForm):
    origins = forms.CharField(
        label="Origins",
        required=False,
        help_text="Such as https://shop.example.com, one on each line. Empty: none but our own checkout page may "
        "show card fields, and pages of any origin may send cards that they took in themselves.",
        widget=forms.Textarea(attrs={"class": INPUT, "rows": 5, "autofocus": True, "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, livemode: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        self.livemode = livemode
        self.order_fields(["origins", "reason"])

    def clean_origins(self) -> list[str]:
        try:
            return read_origins(re.split(r"[\s,]+", self.cleaned_data["origins"]), livemode=self.livemode)
        except InvalidRequest as error:
            raise forms.ValidationError(error.message) from error


class LeakForm(forms.Form):
    text = forms.CharField(
        label="The key, whole",
        max_length=200,
        help_text="Its fingerprint tells us whose it is. It is revoked at once.",
        widget=forms.TextInput(attrs={"class": INPUT, "autofocus": True, "autocomplete": "off"}),
    )


class OrdersForm(forms.Form):
    key = forms.CharField(
        label="Metadata key that names the order",
        help_text="A payment whose metadata has this key is one of that order, and an order is paid once. "
        "Empty where the merchant has no such key.",
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={"class": INPUT, "autofocus": True}),
    )


class RollForm(ReasonForm):
    overlap = forms.ChoiceField(
        label="The old key keeps working for",
        choices=OVERLAPS,
        initial="24",
        widget=forms.Select(attrs={"class": "tg-select"}),
    )
