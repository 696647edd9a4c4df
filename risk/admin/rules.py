"""Rules in the console: those of a mode, one with all its versions, and the editor, which checks while one writes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from core.console import ReadOnlyAdmin
from core.errors import InvalidRequest
from core.once import first_time, open_form
from core.showing import mode, page_url
from risk.admin import steps, trying
from risk.admin.rule_forms import EXAMPLES, RuleForm, VersionForm, palette
from risk.back_test import Figures
from risk.explaining import conditions_of
from risk.facts import neutral
from risk.models import BackTest, Rule, RuleVersion
from risk.queries import LATELY, lately, matches_lately
from risk.services.rules import write_rule, write_version
from risk.showing import difference

State = RuleVersion.State
MAX_RETIRED = 50
# How they stand in the list: what decides first.
ORDER = [State.LIVE, State.SHADOW, State.DRAFT, State.RETIRED]


@dataclass(frozen=True, slots=True)
class Told:
    """A version with its way, what it changed, and what a test of it has shown."""

    version: RuleVersion
    changes: list[Any]
    difference: SafeString | str
    before: int
    tried: BackTest | None
    tried_words: str


@admin.register(Rule)
class RuleAdmin(ReadOnlyAdmin):
    """Each mode has its own rules; `?mode=live` shows those of live mode."""

    page_template = "risk/rule.html"
    list_select_related = ["merchant"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("risk.add_rule"))

    def get_urls(self) -> list[URLPattern]:
        views: list[tuple[str, Callable[..., HttpResponse], str]] = [
            ("check/", self.check_expression, "check"),
            ("<int:pk>/version/", self.write, "write"),
            ("version/<int:pk>/<str:to>/", self.step, "step"),
            ("version/<int:pk>/try-out/begin/", self.try_out, "try_out"),
            ("back-test/<int:pk>/", self.back_test, "back_test"),
        ]
        urls: list[URLPattern] = super().get_urls()
        return [
            *(
                path(route, self.admin_site.admin_view(view), name=f"risk_rule_{name}")
                for route, view, name in views
            ),
            *urls,
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        self.require(request)
        if found := Rule.objects.filter(public_id=request.GET.get("q", "")).first():
            return redirect(page_url(found))
        livemode = request.GET.get("mode") == "live"
        seen, matched = matches_lately(livemode)
        versions = _in_use(livemode) + _retired(livemode)
        shown = [
            (
                state,
                [
                    (row, matched.get((row.rule.public_id, row.number), 0))
                    for row in versions
                    if row.state == state
                ],
            )
            for state in ORDER
        ]
        return self.render(
            request,
            "risk/rules.html",
            title="Risk rules",
            livemode=livemode,
            groups=[(state, rows) for state, rows in shown if rows or state == State.LIVE],
            seen=seen,
            is_newest=seen == LATELY,
            may_write=self.may_write(request),
        )

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        self.require(request, "risk.add_rule")
        livemode = request.GET.get("mode") == "live"
        form = RuleForm(request.POST or None, initial=_begun(request))
        if request.method == "POST" and form.is_valid() and self._is_new(request):
            said = form.cleaned_data

            def make() -> RuleVersion:
                return write_rule(
                    name=said["name"],
                    livemode=livemode,
                    merchant=said["merchant"],
                    expression=said["expression"],
                    action=said["action"],
                    actor=request.user.get_username(),
                    reason=said["reason"],
                )

            if made := self._made(request, form, make):
                return redirect(page_url(made.rule))
        return self._editor(request, form, livemode=livemode, title="New risk rule", button="Save as a draft")

    def write(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The rule's next version; begins with what the newest says, or the one asked for."""
        self.require(request, "risk.change_rule")
        rule = get_object_or_404(Rule.objects.select_related("merchant"), pk=pk)
        newest = rule.versions.order_by("-number")[0]
        number = request.GET.get("from", "")
        begins = rule.versions.filter(number=number).first() if number.isdecimal() else None
        begins = begins or newest
        initial = {"expression": begins.expression, "action": begins.action}
        form = VersionForm(request.POST or None, initial=initial)
        if request.method == "POST" and form.is_valid() and self._is_new(request):
            said = form.cleaned_data

            def make() -> RuleVersion:
                return write_version(
                    rule.pk,
                    expression=said["expression"],
                    action=said["action"],
                    actor=request.user.get_username(),
                    reason=said["reason"],
                )

            if self._made(request, form, make):
                return redirect(page_url(rule))
        return self._editor(
            request,
            form,
            livemode=rule.livemode,
            title=f"{rule.name}: version {newest.number + 1}",
            button="Save as a draft",
            rule=rule,
        )

    def page(self, request: HttpRequest, rule: Any) -> dict[str, Any]:
        told = _versions(rule)
        by_state = {one.version.state: one for one in reversed(told)}
        asked = [
            (
                by_state[state],
                lately(by_state[state].version),
                conditions_of(by_state[state].version.expression, neutral()),
            )
            for state in (State.LIVE, State.SHADOW)
            if state in by_state
        ]
        return {
            "title": f"Risk rule: {rule.name}",
            "mode": mode(rule.livemode),
            "versions": told,
            "drafts": [one for one in told if one.version.state == State.DRAFT],
            "asked": asked,
            "may_write": self.may_write(request),
            "latest": LATELY,
        }

    def check_expression(self, request: HttpRequest) -> HttpResponse:
        return trying.check_page(self, request)

    def step(self, request: HttpRequest, pk: int, to: str) -> HttpResponse:
        return steps.step_page(self, request, pk, to)

    def try_out(self, request: HttpRequest, pk: int) -> HttpResponse:
        return trying.try_page(self, request, pk)

    def back_test(self, request: HttpRequest, pk: int) -> HttpResponse:
        return trying.back_test_page(self, request, pk)

    def may_write(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("risk.change_rule"))

    def require(self, request: HttpRequest, permission: str = "") -> None:
        if not self.has_view_permission(request) or (permission and not request.user.has_perm(permission)):
            raise PermissionDenied

    def _is_new(self, request: HttpRequest) -> bool:
        if first_time(request):
            return True
        messages.info(request, "That form was sent already.")
        return False

    def _made(
        self, request: HttpRequest, form: VersionForm, make: Callable[[], RuleVersion]
    ) -> RuleVersion | None:
        try:
            with transaction.atomic():
                version = make()
                said = f"Wrote version {version.number}: {version.get_action_display()} where {version.expression}"
                self.log_change(request, version.rule, f"{said}. {form.cleaned_data['reason']}")
        except InvalidRequest as refusal:
            form.add_error(refusal.param if refusal.param in form.fields else None, refusal.message)
            return None
        messages.success(request, f"{version} is a draft: try it on past payments, then watch it in shadow.")
        return version

    def _editor(self, request: HttpRequest, form: VersionForm, **context: Any) -> HttpResponse:
        return self.render(
            request,
            "risk/rule_editor.html",
            form=form,
            palette=palette(),
            examples=EXAMPLES,
            nonce=open_form(request),
            **context,
        )


def _in_use(livemode: bool) -> list[RuleVersion]:
    rows = RuleVersion.objects.filter(rule__livemode=livemode).exclude(state=State.RETIRED)
    return list(rows.select_related("rule__merchant").order_by("rule__name", "-number"))


def _retired(livemode: bool) -> list[RuleVersion]:
    """The latest of them; each rule's page has all of its own."""
    rows = RuleVersion.objects.filter(rule__livemode=livemode, state=State.RETIRED)
    return list(rows.select_related("rule__merchant").order_by("-pk")[:MAX_RETIRED])


def _begun(request: HttpRequest) -> dict[str, str]:
    """What an example or another page begins with."""
    return {name: request.GET[name] for name in ("name", "action", "expression") if name in request.GET}


def _versions(rule: Rule) -> list[Told]:
    """The newest first; three queries."""
    rows = list(rule.versions.select_related("rule__merchant").prefetch_related("changes").order_by("number"))
    tests = {test.version_id: test for test in BackTest.objects.filter(version__in=rows).order_by("pk")}
    told = []
    for before, row in zip([None, *rows], rows, strict=False):
        test = tests.get(row.pk)
        told.append(
            Told(
                version=row,
                changes=sorted(row.changes.all(), key=lambda change: change.pk),
                difference=difference(before.expression, row.expression) if before else "",
                before=before.number if before else 0,
                tried=test,
                tried_words=Figures.of(test.figures).words(row.action) if test and test.done else "",
            )
        )
    return told[::-1]
