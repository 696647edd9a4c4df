"""The form of a fee plan: percent as people write them, amounts in the smallest unit, one row for each rule."""

from decimal import Decimal
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextareaWidget

from core.money import CURRENCIES
from merchants.models import Merchant
from payments.admin.rule_form import CARD_BRANDS, CodesField, brand_name, select, text_input
from payments.fees import CROSS_BORDER, DOMESTIC, MAX_RULES, MILLION, Plan

KEY_CHARACTERS = 24
PERCENT = 100
MAX_AMOUNT_MINOR = 99_999_999
CONDITIONS = frozenset(["currencies", "card_brands", "card_countries", "card_origin"])
ORIGINS = [("", "Any"), (DOMESTIC, "Domestic"), (CROSS_BORDER, "From abroad")]


class FeeForm(forms.Form):
    """Whose plan it is, and why."""

    key = forms.RegexField(rf"^console_[0-9A-Za-z]{{{KEY_CHARACTERS}}}$", widget=forms.HiddenInput)
    merchant = forms.ModelChoiceField(
        Merchant.objects.order_by("name", "pk"),
        required=False,
        empty_label="Everybody without a plan of their own",
        widget=select(),
    )
    home_country = CodesField(
        letters=2,
        example="DE",
        label="Home country",
        help_text="Cards from here are domestic, such as DE. Needed only where a price asks.",
    )
    reason = forms.CharField(
        label="Why", max_length=1_000, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2})
    )

    def clean_home_country(self) -> str:
        codes: list[str] = self.cleaned_data["home_country"]
        if len(codes) > 1:
            raise forms.ValidationError("A plan has one home country.")
        return "".join(codes)


def amount_field(label: str, **options: Any) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        required=False,
        min_value=0,
        max_value=MAX_AMOUNT_MINOR,
        widget=text_input(inputmode="numeric"),
        **options,
    )


class FeeRule(forms.Form):
    """One price, and which payments it is for."""

    currencies = CodesField(letters=3, example="EUR")
    card_brands = forms.MultipleChoiceField(
        required=False,
        choices=[(each, brand_name(each)) for each in CARD_BRANDS],
        widget=forms.SelectMultiple(attrs={"class": "tg-select", "size": "3"}),
    )
    card_countries = CodesField(letters=2, example="DE", label="Countries of cards")
    card_origin = forms.ChoiceField(label="Cards", required=False, choices=ORIGINS, widget=select())
    percent = forms.DecimalField(
        min_value=0, max_value=PERCENT, decimal_places=4, widget=text_input(inputmode="decimal")
    )
    fixed = amount_field("Fixed")
    minimum = amount_field("At least")
    maximum = amount_field("At most")

    def clean_currencies(self) -> list[str]:
        codes = [code.lower() for code in self.cleaned_data["currencies"]]
        if unknown := [code.upper() for code in codes if code not in CURRENCIES]:
            raise forms.ValidationError(f"Unknown currency: {', '.join(unknown)}.")
        return codes

    def given(self) -> dict[str, Any]:
        """As a plan's row holds it; what is not said is left out."""
        said = self.cleaned_data
        rule = {
            "share_millionths": int(said["percent"] * MILLION / PERCENT),
            "fixed_minor": said["fixed"],
            "minimum_minor": said["minimum"],
            "maximum_minor": said["maximum"],
            "currencies": said["currencies"],
            "card_brands": said["card_brands"],
            "card_countries": said["card_countries"],
            "card_origin": said["card_origin"],
        }
        kept = {name: value for name, value in rule.items() if value or name == "share_millionths"}
        return kept | ({"maximum_minor": 0} if said["maximum"] == 0 else {})


class BaseFeeRules(forms.BaseFormSet):  # type: ignore[type-arg]  # a formset of forms.Form
    def given(self) -> list[dict[str, Any]]:
        """The rules in the order of the rows, the one for all other payments last; empty rows are none."""
        rows = [
            form.given()
            for form in self.forms
            if (form.has_changed() or form.initial) and form not in self.deleted_forms
        ]
        return sorted(rows, key=lambda rule: not CONDITIONS.intersection(rule))


FeeRules = forms.formset_factory(FeeRule, formset=BaseFeeRules, extra=3, max_num=MAX_RULES, can_delete=True)


def initial_of(plan: Plan) -> list[dict[str, Any]]:
    """What the form shows of a plan."""
    return [
        {
            "currencies": ", ".join(rule.currencies).upper(),
            "card_brands": list(rule.card_brands),
            "card_countries": ", ".join(rule.card_countries),
            "card_origin": rule.card_origin,
            "percent": f"{(Decimal(rule.share_millionths) * PERCENT / MILLION).normalize():f}",
            "fixed": rule.fixed_minor or None,
            "minimum": rule.minimum_minor or None,
            "maximum": rule.maximum_minor,
        }
        for rule in plan.rules
    ]
