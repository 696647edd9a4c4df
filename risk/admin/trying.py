"""A rule tried out in the console: checked while one writes, with the newest payments at a glance; and over weeks, in
steps that the page asks for one after the other."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from core.errors import InvalidRequest
from core.showing import mode, page_url
from risk.admin.rule_forms import TryForm
from risk.back_test import PASSIVE, Figures
from risk.charts import by_day
from risk.models import BackTest, Decision, RuleVersion, Verdict
from risk.services.back_testing import begin_back_test, glance, go_on, progress
from risk.services.rules import RuleMisread, checked
from risk.showing import marked

EXAMPLES_AT_A_GLANCE = 5


def check_page(console: Any, request: HttpRequest) -> HttpResponse:
    """A piece of the editor's page: what is wrong with the expression, or what it would have done lately."""
    console.require(request, "risk.change_rule")
    expression = request.POST.get("expression", "").replace("\r\n", "\n").strip()
    if not expression:
        return render(request, "risk/_checked.html", {"empty": True})
    try:
        read = checked(expression)
    except RuleMisread as refusal:
        wrong = refusal.misread
        place = marked(expression, wrong.at, wrong.length)
        return render(request, "risk/_checked.html", {"wrong": wrong.message, "place": place})
    action = request.POST.get("action", "")
    merchant = request.POST.get("merchant", "")
    figures = glance(
        expression,
        action if action in Verdict.values else Verdict.REVIEW,
        livemode=request.POST.get("mode") == "live",
        merchant_id=int(merchant) if merchant.isdecimal() else None,
    )
    matched = Decision.objects.filter(pk__in=figures.examples[:EXAMPLES_AT_A_GLANCE]).order_by("-pk")
    shown = {"read": read, "figures": figures, "matched": matched, "done": PASSIVE.get(action, "matched")}
    return render(request, "risk/_checked.html", shown)


def try_page(console: Any, request: Any, pk: int) -> HttpResponse:
    """Begins a test of a saved version, and leads to it."""
    console.require(request, "risk.change_rule")
    version = get_object_or_404(RuleVersion.objects.select_related("rule"), pk=pk)
    form = TryForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return redirect(page_url(version.rule))
    now = timezone.now()
    try:
        test = begin_back_test(
            version,
            begins_at=now - timedelta(days=int(form.cleaned_data["days"])),
            ends_at=now,
            made_by=request.user.get_username(),
        )
    except InvalidRequest as refusal:
        messages.warning(request, refusal.message)
        return redirect(page_url(version.rule))
    return redirect(reverse("admin:risk_rule_back_test", args=[test.pk]))


def back_test_page(console: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """What it has shown so far; each POST goes a step further. Asked for as a piece, it gives the figures alone."""
    console.require(request)
    test = get_object_or_404(BackTest.objects.select_related("version__rule__merchant"), pk=pk)
    if request.method == "POST":
        console.require(request, "risk.change_rule")
        test = go_on(test.pk)
    shown = _shown(test)
    if "piece" in request.POST:
        return render(request, "risk/_figures.html", shown)
    version = test.version
    return console.render(  # type: ignore[no-any-return]
        request,
        "risk/back_test.html",
        row=version.rule,
        title=f"{version.rule.name}, version {version.number}, on past payments",
        mode=mode(version.rule.livemode),
        try_form=TryForm(),
        may_write=console.may_write(request),
        **shown,
    )


def _shown(test: BackTest) -> dict[str, Any]:
    figures = Figures.of(test.figures)
    decisions = Decision.objects.select_related("merchant").filter(pk__in=figures.examples).order_by("-pk")
    return {
        "test": test,
        "version": test.version,
        "figures": figures,
        "words": figures.words(test.version.action),
        "done": PASSIVE[test.version.action],
        "percent": int(100 * progress(test)),
        "chart": by_day(figures.days),
        "examples": list(decisions),
    }
