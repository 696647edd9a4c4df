"""Routing rules in the console: what each does in words, a form to change it, and a payment that nobody makes, to
see where it would go."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse

from controls.approvals import Wish, ask_for_approval, needs_second_person
from controls.errors import ApprovalRefused
from core.audit import note
from core.console import ReadOnlyAdmin
from core.showing import mode, page_url
from payments import routing
from payments.admin.forms import ChangeForm
from payments.admin.rule_form import PreviewForm, RuleForm, initial_of, processors_of
from payments.models import RoutingRule
from payments.routes import Facts, Rule, conditions_in_words, mismatch, possible, targets_in_words
from payments.services import approved_rule
from payments.services.routing_rules import place_rule, remove_rule

# The latest; older ones are in the history.
MAX_CHANGES = 10
VERBS = {"Add": "Added", "Change": "Changed"}


def in_words(rule: RoutingRule) -> str:
    """What a rule does, for people."""
    read = routing.rule_of(rule)
    merchant = str(rule.merchant) if rule.merchant else ""
    return f"{conditions_in_words(read, merchant)}: {targets_in_words(read.targets)}."


@admin.register(RoutingRule)
class RoutingRuleAdmin(ReadOnlyAdmin):
    """Each mode has its own rules; `?mode=live` shows those of live mode."""

    page_template = "payments/routing_rule.html"
    list_select_related = ["merchant"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("payments.add_routingrule"))

    def get_urls(self) -> list[URLPattern]:
        views: list[tuple[str, Callable[..., HttpResponse], str]] = [
            ("preview/", self.preview, "payments_routingrule_preview"),
            ("<int:pk>/remove/", self.remove, "payments_routingrule_remove"),
        ]
        urls: list[URLPattern] = super().get_urls()
        return [
            *(path(route, self.admin_site.admin_view(view), name=name) for route, view, name in views),
            *urls,
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        self._require(request)
        livemode = request.GET.get("mode") == "live"
        rules = RoutingRule.objects.filter(livemode=livemode).select_related("merchant").order_by("position")
        changes = LogEntry.objects.filter(
            content_type__app_label="payments", content_type__model="routingrule"
        )
        return self.render(
            request,
            "payments/routing_rules.html",
            title="Routing rules",
            livemode=livemode,
            rules=[(rule, in_words(rule), self._gone(rule)) for rule in rules],
            processors=processors_of(livemode),
            changes=list(changes.select_related("user").order_by("-pk")[:MAX_CHANGES]),
            may_add=self.has_add_permission(request),
        )

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        self._require(request, "payments.add_routingrule")
        livemode = request.GET.get("mode") == "live"
        rule = RoutingRule(livemode=livemode)
        initial = {"position": RoutingRule.objects.filter(livemode=livemode).count() + 1, "enabled": True}
        form = RuleForm(request.POST or None, livemode=livemode, named=[], initial=initial)
        if request.method == "POST" and form.is_valid():
            return self._save(request, rule, form, "Add")
        return self._form(request, rule, form, title="New routing rule", button="Add the rule")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The rule in words and, for those who may, the form."""
        self._require(request)
        rule = self._rule(object_id)
        named = [target["processor"] for target in rule.targets]
        sent = request.POST if request.method == "POST" else None
        if sent is not None:
            self._require(request, "payments.change_routingrule")
        form = RuleForm(sent, livemode=rule.livemode, named=named, initial=initial_of(rule))
        if sent is not None and form.is_valid():
            return self._save(request, rule, form, "Change")
        return self._form(
            request,
            rule,
            form,
            title=f"Rule {rule.position}: {rule.name}",
            button="Save",
            words=in_words(rule),
            gone=self._gone(rule),
        )

    def remove(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Asks first."""
        self._require(request, "payments.delete_routingrule")
        rule = self._rule(pk)
        form = ChangeForm(request.POST or None)
        if not (request.method == "POST" and form.is_valid()):
            return self.render(
                request,
                "payments/routing_form.html",
                row=rule,
                title=f"Remove rule {rule.position}: {rule.name}",
                note=f"{in_words(rule)} From then on these payments go by the rules behind it.",
                form=form,
                button="Remove the rule",
                danger=True,
                back=reverse("admin:payments_routingrule_change", args=[rule.pk]),
            )
        said = f"It was rule {rule.position}: {in_words(rule)}"
        if needs_second_person(approved_rule.NAME):
            wish = approved_rule.wish(rule, f"Remove “{rule.name}”. {said}", position=None)
            return self._ask(request, wish, form)
        with transaction.atomic():
            self.log_change(request, rule, f"Removed. {said} {form.cleaned_data['reason']}")
            remove_rule(rule)
        messages.success(request, f"{rule.name} is removed.")
        return self._to_list(rule)

    def preview(self, request: HttpRequest) -> HttpResponse:
        """Which processors a payment would get, and why."""
        self._require(request)
        livemode = request.GET.get("mode") == "live"
        initial = {"amount": "50.00", "currency": "eur", "card_brand": "visa"}
        asked = "amount" in request.GET
        form = PreviewForm(request.GET if asked else None, initial=initial)
        found = _previewed(form, livemode) if asked and form.is_valid() else {}
        return self.render(
            request,
            "payments/routing_preview.html",
            title="Try a payment",
            livemode=livemode,
            form=form,
            **found,
        )

    def _save(self, request: Any, rule: RoutingRule, form: RuleForm, verb: str) -> HttpResponse:
        before = f" Before: {in_words(rule)}" if rule.pk else ""
        form.fill(rule)
        state = "" if rule.enabled else " Not in use."
        position = form.cleaned_data["position"]
        if needs_second_person(approved_rule.NAME):
            said = f"{verb} “{rule.name}”, rule {position}: {in_words(rule)}{state}{before}"
            return self._ask(request, approved_rule.wish(rule, said, position=position), form)
        with transaction.atomic():
            place_rule(rule, position=position)
            said = (
                f"{VERBS[verb]}. Rule {rule.position}: {in_words(rule)}{state} {form.cleaned_data['reason']}"
            )
            self.log_change(request, rule, said)
        messages.success(request, f"{rule.name} is saved as rule {rule.position}. It holds within seconds.")
        return self._to_list(rule)

    def _ask(self, request: Any, wish: Wish, form: ChangeForm) -> HttpResponse:
        said = form.cleaned_data
        try:
            with transaction.atomic():
                approval = ask_for_approval(wish, key=said["key"], maker=request.user, reason=said["reason"])
                note(request, "changed", f"Asks somebody to approve: {wish.summary} {approval}.", approval)
        except ApprovalRefused as refusal:
            messages.warning(request, refusal.message)
            return redirect("admin:payments_routingrule_changelist")
        messages.warning(
            request, f"Routing takes a second person. {approval} waits for one; nothing has changed yet."
        )
        return redirect(page_url(approval))

    def _form(self, request: HttpRequest, rule: RoutingRule, form: RuleForm, **context: Any) -> HttpResponse:
        may = request.user.has_perm
        return self.render(
            request,
            self.page_template,
            row=rule,
            form=form,
            mode=mode(rule.livemode),
            livemode=rule.livemode,
            may_save=may(f"payments.{'change' if rule.pk else 'add'}_routingrule"),
            may_remove=bool(rule.pk) and may("payments.delete_routingrule"),
            **context,
        )

    def _rule(self, pk: Any) -> RoutingRule:
        if not str(pk).isdecimal():
            pk = 0
        return get_object_or_404(RoutingRule.objects.select_related("merchant"), pk=pk)

    def _gone(self, rule: RoutingRule) -> list[str]:
        """Processors that the rule names and nobody has set up for its mode any more."""
        known = processors_of(rule.livemode)
        return [target["processor"] for target in rule.targets if target["processor"] not in known]

    def _to_list(self, rule: RoutingRule) -> HttpResponse:
        return redirect(
            reverse("admin:payments_routingrule_changelist") + f"?mode={'live' if rule.livemode else 'test'}"
        )

    def _require(self, request: HttpRequest, permission: str = "") -> None:
        if not self.has_view_permission(request) or (permission and not request.user.has_perm(permission)):
            raise PermissionDenied


def _previewed(form: PreviewForm, livemode: bool) -> dict[str, Any]:
    """The rules that were gone through, and where the payment may go."""
    said = form.cleaned_data
    facts = Facts(
        livemode=livemode,
        merchant_id=said["merchant"].pk if said["merchant"] else 0,
        amount_minor=said["amount_minor"],
        currency=said["currency"],
        card_brand=said["card_brand"],
        card_country="".join(said["card_country"]),
    )
    rules = routing.rules(livemode=livemode)
    available = routing.availability(livemode)
    routes = possible(facts, rules, available)
    decisive = routes[0][1].data["rule"]
    return {
        "asked": f"{said['amount']:f} {said['currency'].upper()}",
        "looked_at": [_looked_at(rule, facts, decisive) for rule in rules],
        "routes": sorted(routes, key=lambda each: -each[0]),
        "served": bool(routes[0][1].processors),
    }


def _looked_at(rule: Rule, facts: Facts, decisive: int | None) -> tuple[Rule, str, bool]:
    """A rule, why it did not decide, and whether it did."""
    if decisive is not None and rule.position > decisive:
        return rule, "comes after the one that decides", False
    why = mismatch(rule, facts)
    if not why and rule.position != decisive:
        why = "none of its processors can take it"
    return rule, why, rule.position == decisive
