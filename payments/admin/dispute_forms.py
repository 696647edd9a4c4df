"""What people fill in to answer a dispute."""

from typing import Any

from django import forms
from unfold.widgets import INPUT_CLASSES, TEXTAREA_CLASSES, UnfoldBooleanWidget

from payments.admin.forms import Keyed
from payments.evidence import (
    FILES,
    KINDS_IN_WORDS,
    MOST_FILE_BYTES,
    MOST_TEXT,
    TEXTS,
    NewFile,
    advised,
    kind_of,
)
from payments.models import Dispute

LONG = (
    "uncategorized_text",
    "product_description",
    "access_activity_log",
    "billing_address",
    "shipping_address",
)


def _line() -> forms.TextInput:
    return forms.TextInput(attrs={"class": " ".join(INPUT_CLASSES)})


def _reason() -> forms.CharField:
    return forms.CharField(
        label="Why you do this",
        max_length=300,
        help_text="Kept in the timeline, with your name.",
        widget=_line(),
    )


class EvidenceForm(Keyed):
    """Every text there is, those that convince for this reason first; and one more file. `again`: it was sent before,
    so that what it says may be what is kept."""

    def __init__(self, dispute: Dispute, *args: Any, again: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.again = again
        self.first = advised(dispute.reason)
        self.initial = dict(dispute.evidence)
        for name in (*self.first, *(name for name in TEXTS if name not in self.first)):
            label, help_text = TEXTS[name]
            area = forms.Textarea(attrs={"class": " ".join(TEXTAREA_CLASSES), "rows": 4})
            self.fields[name] = forms.CharField(
                label=label,
                help_text=help_text,
                required=False,
                max_length=MOST_TEXT,
                widget=area if name in LONG else _line(),
            )
        self.fields["file"] = forms.FileField(
            label="Add a file",
            required=False,
            help_text=f"{KINDS_IN_WORDS}; all files together {MOST_FILE_BYTES / 1_000_000} MB at most. "
            "No full card numbers in it, please.",
        )
        self.fields["shows"] = forms.ChoiceField(
            label="What the file shows",
            choices=[("", "Choose"), *FILES.items()],
            required=False,
            widget=forms.Select(attrs={"class": "tg-select"}),
        )
        self.fields["why"] = _reason()

    def advised_fields(self) -> list[Any]:
        return [self[name] for name in self.first]

    def other_fields(self) -> list[Any]:
        return [self[name] for name in TEXTS if name not in self.first]

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        file, shows = found.get("file"), found.get("shows")
        unchanged = all(found.get(name, "") == self.initial.get(name, "") for name in TEXTS)
        if unchanged and not (file or self.again):
            raise forms.ValidationError("Nothing was changed.")
        if file and not shows:
            self.add_error("shows", "Say what the file shows: the bank sorts by it.")
        if file and file.size > MOST_FILE_BYTES:
            self.add_error("file", f"{file.name} has {file.size:,} bytes, more than {MOST_FILE_BYTES:,}.")
        elif file:
            if kind_of(file.read(16)) is None:
                self.add_error("file", f"{file.name} is no {KINDS_IN_WORDS}, whatever its name says.")
            file.seek(0)
        return found

    def all_texts(self) -> dict[str, str]:
        return {name: self.cleaned_data[name] for name in TEXTS}

    def texts(self, dispute: Dispute) -> dict[str, str]:
        """Those that were changed."""
        said = self.all_texts().items()
        return {name: text for name, text in said if text != dispute.evidence.get(name, "")}

    def new_files(self) -> dict[str, NewFile]:
        file = self.cleaned_data["file"]
        return {self.cleaned_data["shows"]: NewFile(file.name, file.read())} if file else {}


class FinalForm(Keyed):
    """For what can't be taken back."""

    def __init__(self, confirmation: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["why"] = _reason()
        self.fields["confirmed"] = forms.BooleanField(label=confirmation, widget=UnfoldBooleanWidget)
