"""What people fill in at the workbench."""

from typing import Any

from django import forms
from unfold.widgets import INPUT_CLASSES

from reconciliation import kinds
from reconciliation.models import Break
from reconciliation.models.uploads import MOST_BYTES
from reconciliation.terms import sources

SELECT = forms.Select(attrs={"class": "tg-select"})


class FilterForm(forms.Form):
    """What is listed; nothing chosen is everything that is not resolved."""

    state = forms.ChoiceField(
        choices=[("", "Not resolved"), *Break.State.choices], required=False, widget=SELECT
    )
    kind = forms.ChoiceField(choices=[("", "All kinds"), *kinds.BREAK_KINDS], required=False, widget=SELECT)
    source = forms.ChoiceField(required=False, widget=SELECT)
    mine = forms.BooleanField(required=False, label="Only mine")
    q = forms.CharField(
        required=False,
        label="Reference",
        max_length=100,
        widget=forms.TextInput(attrs={"class": " ".join(INPUT_CLASSES)}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["source"] = forms.ChoiceField(
            choices=[("", "All sources"), *((one, one) for one in sources())], required=False, widget=SELECT
        )


class WorkForm(forms.Form):
    """What is done with the chosen ones."""

    ACTIONS = [
        ("take", "Take them"),
        ("propose", "Propose a way out"),
        ("approve", "Approve what is proposed"),
        ("resolve", "Resolve what is approved"),
        ("note", "Add a note"),
    ]

    action = forms.ChoiceField(choices=ACTIONS, widget=SELECT)
    resolution = forms.ChoiceField(
        choices=[("", "As advised for each"), *kinds.RESOLUTIONS],
        required=False,
        label="Way out (to propose)",
        widget=SELECT,
    )
    reason = forms.CharField(
        required=False,
        max_length=500,
        label="Reason, or note",
        widget=forms.TextInput(attrs={"class": " ".join(INPUT_CLASSES)}),
    )

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if found.get("action") in ("propose", "note") and not found.get("reason", "").strip():
            self.add_error("reason", "Say why: whoever approves it reads this.")
        return found


class UploadForm(forms.Form):
    source = forms.ChoiceField(label="Whose report it is", widget=SELECT)
    file = forms.FileField(
        label="File", help_text=f"CSV, or camt.053 of the bank; up to {MOST_BYTES // 1_000_000} MB."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["source"] = forms.ChoiceField(
            label="Whose report it is", choices=[(one, one) for one in sources()], widget=SELECT
        )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError(
                f"{file.name} has {file.size:,} bytes, more than the {MOST_BYTES:,} that a page takes. "
                "Put it into the folder of reports, or give it to manage.py reconcile."
            )
        return file
