"""The console's frame: its side bar, and the home page, on which each app says what is wrong and how today goes."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone

from core.home import Asked, cards

# Every list as people think of them: its title, its icon, the name of its page.
GROUPS: dict[str, list[tuple[str, str, str]]] = {
    "Payments": [
        ("Charges", "credit_card", "payments_charge"),
        ("Refunds", "undo", "payments_refund"),
        ("Disputes", "gavel", "payments_dispute"),
        ("Payouts", "account_balance", "payments_payout"),
        ("Balances", "savings", "payments_payout_balances"),
        ("Payment intents", "shopping_cart", "payments_paymentintent"),
        ("Operations", "sync_alt", "payments_operation"),
    ],
    "Risk": [
        ("Reviews", "front_hand", "risk_review"),
        ("Decisions", "policy", "risk_decision"),
        ("Rules", "shield", "risk_rule"),
        ("Score models", "model_training", "risk_scoremodel"),
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
        ("Uploads", "upload_file", "reconciliation_upload"),
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
        ("Fees", "percent", "payments_feeplan"),
        ("Terms", "handshake", "payments_terms"),
        ("Bank accounts", "account_balance", "payments_bankaccount"),
        ("Receipts", "forward_to_inbox", "receipts_receipt"),
        ("Who sends receipts", "mark_email_read", "receipts_receiptsetting"),
    ],
    "Staff": [("People", "person", "auth_user"), ("Groups", "group", "auth_group")],
}


def styles(request: HttpRequest) -> str:
    return static("console/console.css")


def scripts(request: HttpRequest) -> str:
    return static("console/console.js")


def side_bar(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups, each list shown to those who may see it."""
    pages = {item[2]: _page(item[2]) for items in GROUPS.values() for item in items}
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
            for title, items in GROUPS.items()
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


def home(request: Any, context: dict[str, Any]) -> dict[str, Any]:
    """What each app has to say of one mode, and only what the person may see."""
    asked = Asked(livemode=request.GET.get("mode") == "live", now=timezone.localtime())
    tiles: list[Any] = []
    sections: list[dict[str, Any]] = []
    for card in cards():
        if not request.user.has_perm(card.permission):
            continue
        said = card.read(asked)
        if not card.template:
            tiles.append(said)
        elif said is not None:
            sections.append({"name": card.name, "template": card.template, "half": card.half, "said": said})
    context.update(title="Home", livemode=asked.livemode, day=asked.now, tiles=tiles, sections=sections)
    return context
