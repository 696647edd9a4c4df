"""The forms of rules: what one is about, what it says, what it does, and why."""

from typing import Any

from django import forms
from django.utils.html import format_html
from unfold.widgets import INPUT_CLASSES

from merchants.models import Merchant
from risk.explaining import TITLES
from risk.facts import FIELDS, LISTS
from risk.models import Verdict
from risk.queries import list_keys
from risk.services.rules import RuleMisread, checked
from risk.showing import KINDS
from risk.syntax import MAX_LENGTH

TEXT = {"class": " ".join(INPUT_CLASSES), "autocomplete": "off"}
ACTIONS = {
    Verdict.BLOCK: ("Block", "No bank is asked; the customer sees a declined card."),
    Verdict.REVIEW: ("Review", "The money is held, and taken only once a person has agreed."),
    Verdict.CHALLENGE: ("Ask for 3-D Secure", "The cardholder proves to their bank that it is them."),
    Verdict.ALLOW: ("Allow", "Whatever other rules say. For those you know well."),
}
# To begin with. Amounts are in the smallest unit.
EXAMPLES = [
    ("Card testing", "block", "velocity.ip_cards_1h >= 5 && velocity.ip_declines_1h >= 4"),
    ("One card, many tries", "block", "velocity.card_attempts_10m > 6 || velocity.card_declines_1h >= 5"),
    ("Large first payment", "review", "payment.amount_base >= 50000 && history.email_payments == 0"),
    (
        "Card from elsewhere",
        "challenge",
        "customer.ip_country != '' && card.country != '' && card.country != customer.ip_country",
    ),
    ("Prepaid, large", "review", "card.funding == 'prepaid' && payment.amount_base > 20000"),
    ("Good customer", "allow", "history.card_payments >= 5 && history.card_disputes == 0"),
]
DAYS = [("7", "The last 7 days"), ("30", "The last 30 days"), ("90", "The last 90 days")]


class VersionForm(forms.Form):
    """What a rule says from now on."""

    action = forms.ChoiceField(
        label="Then",
        choices=[
            (value, format_html("<b>{}</b> <small>{}</small>", *said)) for value, said in ACTIONS.items()
        ],
        widget=forms.RadioSelect,
        initial=Verdict.REVIEW,
    )
    expression = forms.CharField(
        label="When",
        max_length=MAX_LENGTH,
        strip=True,
        widget=forms.Textarea(
            attrs={
                "class": "tg-code",
                "rows": 5,
                "spellcheck": "false",
                "autocapitalize": "off",
                "placeholder": "payment.amount_base > 50000 && card.country != 'DE'",
                "aria-describedby": "checked",
            }
        ),
    )
    reason = forms.CharField(label="Why?", max_length=400, widget=forms.TextInput(attrs=TEXT))

    def clean_expression(self) -> str:
        expression: str = self.cleaned_data["expression"].replace("\r\n", "\n")
        try:
            checked(expression)
        except RuleMisread as refusal:
            raise forms.ValidationError(refusal.message) from refusal
        return expression


class RuleForm(VersionForm):
    """A new rule. Its name, its merchant and its mode stay."""

    name = forms.CharField(
        max_length=80,
        widget=forms.TextInput(attrs=TEXT),
        help_text="As people will read it where a payment was stopped.",
    )
    merchant = forms.ModelChoiceField(
        Merchant.objects.order_by("name", "pk"),
        label="Whose payments",
        required=False,
        empty_label="Every merchant's",
        widget=forms.Select(attrs={"class": "tg-select"}),
    )
    field_order = ["name", "merchant", "action", "expression", "reason"]


class StepForm(forms.Form):
    reason = forms.CharField(label="Why?", max_length=400, widget=forms.TextInput(attrs=TEXT))


class TryForm(forms.Form):
    days = forms.ChoiceField(
        label="Payments of", choices=DAYS, initial="30", widget=forms.Select(attrs={"class": "tg-select"})
    )


def palette() -> list[tuple[str, list[dict[str, Any]]]]:
    """The facts that there are, by group, for whoever writes."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for one in FIELDS:
        example = f"'{one.example}'" if one.type == "string" else str(one.example).lower()
        told = {"path": one.path, "kind": KINDS[one.type], "about": one.description, "example": example}
        groups.setdefault(TITLES.get(one.group, one.group), []).append(told)
    lists = [
        {
            "path": f"{LISTS}.{key}",
            "kind": KINDS["bool"],
            "about": "Whether the payment is on this list",
            "example": "",
        }
        for key in sorted(list_keys())
    ]
    return [*groups.items(), *([(TITLES[LISTS], lists)] if lists else [])]
