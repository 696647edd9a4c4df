"""A merchant's month on a page, and as a file to send them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from core.audit import note
from core.exporting import csv_answer, may_export
from merchants.models import Merchant
from payments.statement import Month, Statement, StatementDisagrees, statement
from payments.statement_files import COLUMNS, csv_rows, pdf

SELECT = {"class": "tg-select"}


class StatementForm(forms.Form):
    merchant = forms.CharField(label="Merchant (acct_…)", widget=forms.TextInput(attrs=SELECT))
    month = forms.CharField(label="Month", widget=forms.TextInput(attrs={**SELECT, "type": "month"}))
    mode = forms.ChoiceField(choices=[("live", "Live"), ("test", "Test")], widget=forms.Select(attrs=SELECT))

    def clean_merchant(self) -> Merchant:
        found = Merchant.objects.filter(public_id=self.cleaned_data["merchant"].strip()).first()
        if found is None:
            raise forms.ValidationError("There is no such merchant.")
        return found

    def clean_month(self) -> Month:
        try:
            return Month.of(self.cleaned_data["month"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error


def statement_page(page: Any, request: HttpRequest) -> HttpResponse:
    """Asks for merchant and month, then shows it."""
    if not page.has_view_permission(request):
        raise PermissionDenied
    last = (datetime.now(UTC).replace(day=1) - timedelta(days=1)).strftime("%Y-%m")
    asked = {"month": last, "mode": "live", **request.GET.dict()}
    form = StatementForm(asked if request.GET.get("merchant") else None, initial=asked)
    made = _made(request, form) if form.is_bound and form.is_valid() else None
    shown: HttpResponse = page.render(
        request,
        "payments/statement.html",
        title="Statements",
        form=form,
        statement=made,
        query=request.GET.urlencode(),
        may_export=may_export(request),
    )
    return shown


def statement_file(page: Any, request: HttpRequest, kind: str) -> HttpResponseBase:
    """The same as a PDF, or a CSV file; written down."""
    if not (page.has_view_permission(request) and may_export(request)):
        raise PermissionDenied
    form = StatementForm(request.GET)
    made = _made(request, form) if form.is_valid() else None
    if made is None:
        return redirect(f"{reverse('admin:payments_balancetransaction_statement')}?{request.GET.urlencode()}")
    said = (
        f"Took the {kind.upper()} statement of {made.merchant} for {made.month}, {form.cleaned_data['mode']}."
    )
    if kind == "csv":
        return csv_answer(request, made.name, COLUMNS, csv_rows(made), said)
    with transaction.atomic():
        note(request, "saw", said, made.merchant)
    answer = HttpResponse(pdf(made), content_type="application/pdf")
    answer["Content-Disposition"] = f'attachment; filename="{made.name}.pdf"'
    answer["Cache-Control"] = "no-store"
    return answer


def _made(request: HttpRequest, form: StatementForm) -> Statement | None:
    said = form.cleaned_data
    try:
        return statement(said["merchant"], said["month"], livemode=said["mode"] == "live")
    except StatementDisagrees as error:
        messages.error(request, f"There is no statement, since the books do not agree. {error}")
        return None
