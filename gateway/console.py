"""The console's frame: its side bar, and the home page, which says what is wrong today. It reads the rows of
today and the open ones only."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Min, Sum
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone

from controls.queries import open_alerts
from core.console import midnight
from ledger.queries import unconfirmed
from payments.models import Charge, Operation
from webhooks.models import Delivery
from webhooks.queries import relay_lag, stream_backlog

MAX_ROWS = 8
# What approval is measured on: attempts that the processor has decided.
APPROVED = (Charge.State.AUTHORIZED, Charge.State.CAPTURED)


def styles(request: HttpRequest) -> str:
    return static("console/console.css")


def scripts(request: HttpRequest) -> str:
    return static("console/console.js")


def side_bar(request: HttpRequest) -> list[dict[str, Any]]:
    """Every list, grouped as people think of them; each shown to those who may see it."""
    groups: dict[str, list[tuple[str, str, str]]] = {
        "Payments": [
            ("Charges", "credit_card", "payments_charge"),
            ("Refunds", "undo", "payments_refund"),
            ("Disputes", "gavel", "payments_dispute"),
            ("Payouts", "account_balance", "payments_payout"),
            ("Payment intents", "shopping_cart", "payments_paymentintent"),
            ("Operations", "sync_alt", "payments_operation"),
        ],
        "Routing": [
            ("Rules", "alt_route", "payments_routingrule"),
            ("Processors", "dns", "payments_processorhealth"),
        ],
        "Ledger": [
            ("Trial balance", "balance", "ledger_ledgeraccount_trial_balance"),
            ("Accounts", "account_tree", "ledger_ledgeraccount"),
            ("Transactions", "receipt_long", "ledger_ledgertransaction"),
            ("Seals", "verified", "ledger_ledgerseal"),
            ("Merchants' balances", "account_balance_wallet", "payments_balancetransaction"),
        ],
        "Reconciliation": [
            ("Workbench", "rule", "reconciliation_break"),
            ("Reports", "description", "reconciliation_reportfile"),
        ],
        "Controls": [
            ("Alerts", "notifications_active", "controls_alert"),
            ("Approvals", "approval", "controls_approval"),
            ("Thresholds", "rule", "controls_threshold"),
            ("Audit", "history", "controls_auditentry"),
        ],
        "Webhooks": [
            ("Events", "bolt", "webhooks_event"),
            ("Deliveries", "send", "webhooks_delivery"),
            ("Endpoints", "webhook", "webhooks_webhookendpoint"),
            ("Inbox", "inbox", "webhooks_notification"),
        ],
        "Merchants": [
            ("Merchants", "storefront", "merchants_merchant"),
            ("Statements", "summarize", "payments_balancetransaction_statement"),
            ("Receipts", "forward_to_inbox", "receipts_receipt"),
            ("Who sends receipts", "mark_email_read", "receipts_receiptsetting"),
        ],
        "Staff": [("People", "person", "auth_user"), ("Groups", "group", "auth_group")],
    }
    pages = {item[2]: _page(item[2]) for items in groups.values() for item in items}
    # Of several that fit, such as the accounts and their trial balance, the longest is where we are.
    here = max((page for page in pages.values() if request.path.startswith(page)), key=len, default="")
    home = {"title": "Home", "icon": "home", "link": reverse("admin:index")}
    return [
        {"items": [home]},
        *(
            {
                "title": title,
                "separator": True,
                "items": [_item(item, pages[item[2]], here) for item in items],
            }
            for title, items in groups.items()
        ),
    ]


def _page(name: str) -> str:
    return reverse(f"admin:{name}" if name.count("_") > 1 else f"admin:{name}_changelist")


def _item(item: tuple[str, str, str], page: str, here: str) -> dict[str, Any]:
    title, icon, name = item
    app, model = name.split("_")[:2]

    def permitted(request: Any) -> bool:
        return bool(request.user.has_perm(f"{app}.view_{model}"))

    return {
        "title": title,
        "icon": icon,
        "link": page,
        "active": page == here,
        "permission": permitted,
    }


@dataclass
class Volume:
    """One currency today, in its smallest unit."""

    currency: str
    captured_minor: int = 0
    captured: int = 0


@dataclass
class Today:
    """The charges of one mode since midnight, UTC."""

    charges: int = 0
    approved: int = 0
    failed: int = 0
    volumes: dict[str, Volume] = field(default_factory=dict)

    @property
    def open(self) -> int:
        return self.charges - self.approved - self.failed

    @property
    def approval(self) -> str:
        decided = self.approved + self.failed
        return f"{100 * self.approved / decided:.1f} %" if decided else "–"


def home(request: Any, context: dict[str, Any]) -> dict[str, Any]:
    """What the home page shows: of one mode, and only what the person may see."""
    livemode = request.GET.get("mode") == "live"
    day = datetime.now(UTC).date()
    may = request.user.has_perm
    context.update(
        title="Home",
        livemode=livemode,
        day=day,
        days=f"from={day}&to={day}&livemode__exact={int(livemode)}",
    )
    if may("payments.view_charge"):
        todays = _todays()
        context["today"] = todays[livemode]
        context["other_mode"] = todays[not livemode].charges
        context["latest"] = _latest(livemode)
    if may("payments.view_operation"):
        context.update(_in_doubt(livemode))
    if may("ledger.view_ledgeraccount"):
        context["unconfirmed"] = [totals for totals in unconfirmed() if totals.livemode == livemode]
    if may("controls.view_alert"):
        context["alerts"] = open_alerts(limit=MAX_ROWS)
    if may("webhooks.view_delivery"):
        context["failing"] = _failing(livemode)
        context["lag"] = relay_lag()
        if settings.KAFKA_BOOTSTRAP_SERVERS:
            context["unpublished"], context["oldest_unpublished"] = stream_backlog()
        context["deliveries"] = reverse("admin:webhooks_delivery_changelist")
    return context


def _todays() -> dict[bool, Today]:
    """Both modes in one query over today's rows."""
    todays = {False: Today(), True: Today()}
    rows = (
        Charge.objects.filter(created_at__gte=midnight(datetime.now(UTC).date()))
        .order_by("currency")
        .values_list("livemode", "currency", "state")
        .annotate(number=Count("pk"), captured=Sum("captured_minor"))
    )
    for livemode, currency, state, number, captured_minor in rows:
        today = todays[livemode]
        today.charges += number
        today.approved += number if state in APPROVED else 0
        today.failed += number if state == Charge.State.FAILED else 0
        if captured_minor:
            volume = today.volumes.setdefault(currency, Volume(currency))
            volume.captured_minor += captured_minor
            volume.captured += number
    return todays


def _latest(livemode: bool) -> list[Charge]:
    newest = Charge.objects.filter(livemode=livemode).select_related("merchant").order_by("-pk")
    return list(newest[:MAX_ROWS])


def _in_doubt(livemode: bool) -> dict[str, Any]:
    """Open operations, from their partial index: those still within their time, and those beyond it."""
    waiting = Operation.objects.filter(next_attempt_at__isnull=False, livemode=livemode)
    late = waiting.filter(deadline_at__lt=timezone.now())
    sums: dict[str, int] = defaultdict(int)
    number = 0
    oldest = None
    for currency, count, amount_minor, since in (
        late.order_by()
        .values_list("currency")
        .annotate(count=Count("pk"), amount=Sum("amount_minor"), since=Min("created_at"))
    ):
        number += count
        sums[currency] += amount_minor
        oldest = min(oldest or since, since)
    return {
        "late": list(late.select_related("charge", "merchant").order_by("pk")[:MAX_ROWS]),
        "late_number": number,
        "late_sums": dict(sums),
        "late_oldest": oldest,
        "under_way": waiting.count() - number,
    }


def _failing(livemode: bool) -> list[Any]:
    """The endpoints for which deliveries failed and wait: from the partial index of what is due."""
    failing = Delivery.objects.filter(
        next_attempt_at__isnull=False,
        attempts__gt=0,
        state=Delivery.State.PENDING,
        endpoint__livemode=livemode,
    )
    by_endpoint = failing.values("endpoint", "endpoint__url", "endpoint__merchant__name").annotate(
        waiting=Count("pk"), oldest=Min("created_at"), tries=Max("attempts")
    )
    return list(by_endpoint.order_by("-waiting", "endpoint")[:MAX_ROWS])
