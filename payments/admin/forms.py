"""What the forms by which people move money have in common: a key of their own from the moment they are first shown,
so that one that is sent again does nothing new; an amount in the currency's own format; a reason; a confirmation."""

from decimal import Decimal
from typing import Any

from django import forms
from unfold.widgets import INPUT_CLASSES, UnfoldBooleanWidget

from controls.approvals import needs_second_person
from controls.models import Approval
from core.ids import random_text
from core.money import decimals
from core.showing import money
from idempotency.keys import Key, fingerprint
from idempotency.models import Claim
from payments.models import Owned

# 24 of 62 characters, about 143 bits: no two forms ever share one.
KEY_CHARACTERS = 24
MAX_DIGITS = 15
TEXT = {"class": " ".join(INPUT_CLASSES), "autocomplete": "off"}
SELECT = {"class": "tg-select"}


def new_key() -> str:
    return f"console_{random_text(KEY_CHARACTERS)}"


class Keyed(forms.Form):
    """However often it is sent, it asks for one thing."""

    key = forms.RegexField(
        rf"^console_[0-9A-Za-z]{{{KEY_CHARACTERS}}}$", widget=forms.HiddenInput, initial=new_key
    )


class ChangeForm(Keyed):
    """Changes what is no money itself, and says why."""

    reason = forms.CharField(label="Why?", max_length=400, widget=forms.TextInput(attrs=TEXT))


class KeyedForm(Keyed):
    """Fields of its own go between the key and the confirmation, which says what it confirms."""

    confirmed = forms.BooleanField(widget=UnfoldBooleanWidget)
    confirmation = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["confirmed"].label = self.confirmation
        self.order_fields([*(name for name in self.fields if name != "confirmed"), "confirmed"])


class ReasonedForm(ChangeForm, KeyedForm):
    """Both."""


class AmountForm(ReasonedForm):
    """An amount of at most `most_minor`, in the currency's smallest unit."""

    def __init__(self, currency: str, most_minor: int, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency
        self.fields["amount"] = amount_field(currency, most_minor)
        self.order_fields(["key", "amount"])

    @property
    def amount_minor(self) -> int:
        return minor(self.cleaned_data["amount"], self.currency)


def amount_field(currency: str, most_minor: int) -> forms.DecimalField:
    return forms.DecimalField(
        label=f"Amount in {currency.upper()}",
        min_value=Decimal(1).scaleb(-decimals(currency)),
        decimal_places=decimals(currency),
        max_digits=MAX_DIGITS,
        help_text=f"At most {money(most_minor, currency)}.",
        widget=forms.TextInput(attrs={**TEXT, "inputmode": "decimal"}),
    )


def minor(amount: Decimal, currency: str) -> int:
    return int(amount.scaleb(decimals(currency)))


def written(amount_minor: int, currency: str) -> str:
    """As a person types it: `12.50`."""
    return f"{Decimal(amount_minor).scaleb(-decimals(currency)):f}"


def key_of(request: Any, row: Owned, text: str, doing: str, said: dict[str, Any]) -> Key:
    """The form's key, for the services: what it does is part of it."""
    return Key(
        merchant_id=row.merchant_id,
        livemode=row.livemode,
        text=text,
        fingerprint=fingerprint(f"/console/{doing}", said),
        request_id=request.request_id,
    )


def was_used(row: Owned, key: str) -> bool:
    """Whether the form of this key was sent before, and taken."""
    return Claim.objects.filter(merchant=row.merchant_id, livemode=row.livemode, key=key).exists()


def takes_two(action: str, key: str, row: Any, total_minor: int) -> bool:
    """Whether what the form of this key asks for, of the row's merchant and in its currency, needs somebody else. A
    form that was used before goes the way that it went then."""
    if was_used(row, key):
        return False
    return Approval.objects.filter(key=key).exists() or needs_second_person(action, row.currency, total_minor)
