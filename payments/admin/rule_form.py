"""The form of a routing rule: lists and amounts as people write them, shares that must come to 100 %."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from unfold.widgets import INPUT_CLASSES, UnfoldBooleanWidget

from core.money import CURRENCIES, decimals
from merchants.models import Merchant
from payments.admin.forms import ChangeForm
from payments.models import RoutingRule
from payments.showing import BRANDS

CARD_BRANDS = ("visa", "mastercard", "amex", "discover", "diners", "jcb", "unionpay")
MAX_DIGITS = 15
MAX_SHARE = 100


def brand_name(brand: str) -> str:
    return BRANDS.get(brand, brand.capitalize())


def text_input(**attributes: str) -> forms.TextInput:
    return forms.TextInput(attrs={"class": " ".join(INPUT_CLASSES), "autocomplete": "off", **attributes})


def select() -> forms.Select:
    return forms.Select(attrs={"class": "tg-select"})


def processors_of(livemode: bool) -> list[str]:
    return [name for name, config in settings.PROCESSORS.items() if config["livemode"] == livemode]


class CodesField(forms.CharField):
    """`EUR, usd chf`: codes of letters, with spaces or commas between them."""

    def __init__(self, *, letters: int, example: str, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=1_000, widget=text_input(placeholder="Any"), **kwargs)
        self.code = re.compile(rf"[A-Z]{{{letters}}}")
        self.example = example

    def clean(self, value: Any) -> list[str]:
        """In capitals, each once."""
        found = re.findall(r"[^\s,;]+", super().clean(value).upper())
        for code in found:
            if not self.code.fullmatch(code):
                raise forms.ValidationError(f"{code} is not a code such as {self.example}.")
        return list(dict.fromkeys(found))


class RuleForm(ChangeForm):
    """One rule of a mode, which is chosen before and never changes: each mode has processors of its own."""

    name = forms.CharField(max_length=80, widget=text_input())
    position = forms.IntegerField(
        label="Place",
        min_value=1,
        widget=text_input(inputmode="numeric"),
        help_text="The first rule that fits decides.",
    )
    enabled = forms.BooleanField(required=False, label="In use", widget=UnfoldBooleanWidget)
    merchant = forms.ModelChoiceField(
        Merchant.objects.order_by("name", "pk"), required=False, empty_label="Any", widget=select()
    )
    currencies = CodesField(letters=3, example="EUR", help_text="Such as EUR, CHF. Empty: any.")
    card_brands = forms.MultipleChoiceField(
        label="Card brands",
        required=False,
        choices=[(brand, brand_name(brand)) for brand in CARD_BRANDS],
        widget=forms.CheckboxSelectMultiple,
        help_text="None chosen: any.",
    )
    card_countries = CodesField(
        letters=2,
        example="DE",
        label="Countries of cards",
        help_text="Where the card was issued, such as DE, AT. Empty: any.",
    )
    amount_from = forms.DecimalField(
        label="Amount from",
        required=False,
        min_value=0,
        max_digits=MAX_DIGITS,
        widget=text_input(inputmode="decimal"),
    )
    amount_to = forms.DecimalField(
        label="Amount up to",
        required=False,
        min_value=0,
        max_digits=MAX_DIGITS,
        widget=text_input(inputmode="decimal"),
        help_text="Both included, in the currencies above. Empty: open.",
    )

    def __init__(self, *args: Any, livemode: bool, named: list[str], **kwargs: Any) -> None:
        """`named` are processors that the rule has already; they may be gone from the settings."""
        super().__init__(*args, **kwargs)
        self.livemode = livemode
        self.known = processors_of(livemode)
        gone = [name for name in named if name not in self.known]
        choices = [("", "–"), *((name, name) for name in self.known)]
        choices += [(name, f"{name} (not set up)") for name in gone]
        self.rows = range(max(1, len(self.known) + len(gone)))
        for row in self.rows:
            self.fields[f"processor_{row}"] = forms.ChoiceField(
                choices=choices, required=False, label=f"Processor {row + 1}", widget=select()
            )
            self.fields[f"percent_{row}"] = forms.IntegerField(
                required=False,
                min_value=0,
                max_value=MAX_SHARE,
                label="Percent",
                widget=text_input(inputmode="numeric"),
            )

    def target_rows(self) -> Iterator[tuple[forms.BoundField, forms.BoundField]]:
        for row in self.rows:
            yield self[f"processor_{row}"], self[f"percent_{row}"]

    def plain_fields(self) -> Iterator[forms.BoundField]:
        for name in ("merchant", "currencies", "card_countries", "amount_from", "amount_to"):
            yield self[name]

    def clean_currencies(self) -> list[str]:
        codes = [code.lower() for code in self.cleaned_data["currencies"]]
        if unknown := [code.upper() for code in codes if code not in CURRENCIES]:
            raise forms.ValidationError(f"Unknown currency: {', '.join(unknown)}.")
        return codes

    def clean(self) -> None:
        self._clean_amounts()
        self._clean_targets()

    def _clean_amounts(self) -> None:
        given = [name for name in ("amount_from", "amount_to") if self.cleaned_data.get(name) is not None]
        currencies = self.cleaned_data.get("currencies")
        if not given or currencies is None:
            return
        places = {decimals(currency) for currency in currencies}
        if not places:
            self.add_error(
                "currencies", "An amount means nothing without its currency: name one, or several."
            )
            return
        if len(places) > 1:
            self.add_error(
                "currencies", "With an amount, the currencies must have the same number of decimals."
            )
            return
        for name in given:
            minor = self.cleaned_data[name].scaleb(min(places))
            if minor != minor.to_integral_value():
                self.add_error(name, f"At most {min(places)} decimals in this currency.")
            self.cleaned_data[f"{name}_minor"] = int(minor)
        if len(given) == 2 and self.cleaned_data["amount_from"] > self.cleaned_data["amount_to"]:
            self.add_error("amount_to", "This is less than the amount it begins from.")

    def _clean_targets(self) -> None:
        targets: list[dict[str, Any]] = []
        for row in self.rows:
            name, percent = self.cleaned_data.get(f"processor_{row}"), self.cleaned_data.get(f"percent_{row}")
            if not name:
                if percent:
                    self.add_error(f"processor_{row}", "Which processor is this share for?")
                continue
            if name not in self.known:
                self.add_error(f"processor_{row}", f"{name} is not set up for {self._mode} mode.")
            if any(target["processor"] == name for target in targets):
                self.add_error(f"processor_{row}", f"{name} is named twice.")
            targets.append({"processor": name, "percent": percent or 0})
        if any(name.startswith(("processor_", "percent_")) for name in self.errors):
            return
        if not targets:
            self.add_error("processor_0", "Name at least one processor.")
            return
        if len(targets) == 1 and not targets[0]["percent"]:
            targets[0]["percent"] = MAX_SHARE
        total = sum(target["percent"] for target in targets)
        if total != MAX_SHARE:
            self.add_error(None, f"The shares come to {total} %; they must come to 100 %.")
        self.cleaned_data["targets"] = targets

    @property
    def _mode(self) -> str:
        return "live" if self.livemode else "test"

    def fill(self, rule: RoutingRule) -> None:
        """Puts what the form says into the rule, its place excepted."""
        said = self.cleaned_data
        for name in ("name", "enabled", "merchant", "currencies", "card_brands", "card_countries", "targets"):
            setattr(rule, name, said[name])
        rule.amount_from_minor = said.get("amount_from_minor")
        rule.amount_to_minor = said.get("amount_to_minor")


def initial_of(rule: RoutingRule) -> dict[str, Any]:
    """What the form shows of a rule."""
    places = decimals(min(CURRENCIES.intersection(rule.currencies), default="usd"))

    def shown(minor: int | None) -> str:
        return "" if minor is None else f"{Decimal(minor).scaleb(-places):f}"

    initial = {
        "name": rule.name,
        "position": rule.position,
        "enabled": rule.enabled,
        "merchant": rule.merchant_id,
        "currencies": ", ".join(rule.currencies).upper(),
        "card_brands": rule.card_brands,
        "card_countries": ", ".join(rule.card_countries),
        "amount_from": shown(rule.amount_from_minor),
        "amount_to": shown(rule.amount_to_minor),
    }
    for row, target in enumerate(rule.targets):
        initial |= {f"processor_{row}": target["processor"], f"percent_{row}": target["percent"]}
    return initial


class PreviewForm(forms.Form):
    """A payment that nobody makes, to see where it would go."""

    amount = forms.DecimalField(min_value=0, max_digits=MAX_DIGITS, widget=text_input(inputmode="decimal"))
    currency = forms.ChoiceField(
        choices=[(currency, currency.upper()) for currency in sorted(CURRENCIES)], widget=select()
    )
    card_brand = forms.ChoiceField(
        label="Card brand",
        required=False,
        choices=[("", "Unknown"), *((brand, brand_name(brand)) for brand in CARD_BRANDS)],
        widget=select(),
    )
    card_country = CodesField(letters=2, example="DE", label="Country of the card", help_text="Such as DE.")
    merchant = forms.ModelChoiceField(
        Merchant.objects.order_by("name", "pk"),
        required=False,
        empty_label="One that no rule names",
        widget=select(),
    )

    def clean(self) -> None:
        amount, currency = self.cleaned_data.get("amount"), self.cleaned_data.get("currency")
        if amount is not None and currency:
            minor = amount.scaleb(decimals(currency))
            if minor != minor.to_integral_value():
                self.add_error("amount", f"At most {decimals(currency)} decimals in this currency.")
            self.cleaned_data["amount_minor"] = int(minor)
        if len(self.cleaned_data.get("card_country", [])) > 1:
            self.add_error("card_country", "A card comes from one country.")
