"""What each role may do. The seven groups of this table are made anew by every `migrate`, as Django makes its
permissions: a right that is not in the table is taken away again. Groups of any other name are left alone."""

from collections.abc import Iterable

from django.contrib.auth.models import Group, Permission
from django.db.models import Q

# Whoever works in the console may look at all of these.
BUSINESS = ("merchants", "ledger", "webhooks", "payments", "controls", "reconciliation", "receipts", "risk")
# Looked at by those who answer for the others' doings.
CONFIDENTIAL = ("controls.view_auditentry",)
EXPORT = "controls.export_lists"

SUPPORT = {
    "payments.add_refund",
    "payments.change_charge",
    "payments.change_dispute",
    "webhooks.change_delivery",
    "receipts.change_receipt",
}
FINANCE = {
    EXPORT,
    "payments.add_refund",
    "payments.change_charge",
    "payments.change_operation",
    "webhooks.change_notification",
    "payments.change_dispute",
    "payments.accept_dispute",
    "payments.add_feeplan",
    "payments.add_payout",
    "payments.change_payout",
    "controls.change_alert",
    "reconciliation.work_break",
    "reconciliation.add_reportfile",
}
APPROVER = {EXPORT, "controls.change_alert", "controls.change_approval", "reconciliation.approve_break"}
ROUTING = {"payments.add_routingrule", "payments.change_routingrule", "payments.delete_routingrule"}
RISK = {
    *ROUTING,
    EXPORT,
    "controls.change_alert",
    "payments.add_terms",
    "payments.change_terms",
    "risk.add_rule",
    "risk.change_rule",
    "risk.change_scoremodel",
    "risk.change_review",
}
OPS = {
    *ROUTING,
    EXPORT,
    "controls.change_alert",
    "payments.change_operation",
    "payments.change_processorhealth",
    "webhooks.change_delivery",
    "receipts.change_receipt",
    "webhooks.change_webhookendpoint",
    "webhooks.change_notification",
}
ADMIN = {
    *SUPPORT,
    *FINANCE,
    *APPROVER,
    *RISK,
    *OPS,
    # Whoever asks for payouts does not say where they go.
    "payments.add_bankaccount",
    "controls.add_threshold",
    "controls.change_threshold",
    "controls.delete_threshold",
    "receipts.add_receiptsetting",
    "receipts.change_receiptsetting",
    "merchants.add_merchant",
    "merchants.change_merchant",
    "merchants.add_apikey",
    "merchants.change_apikey",
    "auth.view_user",
    "auth.add_user",
    "auth.change_user",
    "auth.view_group",
}
# What each may do besides looking.
ROLES: dict[str, set[str]] = {
    "viewer": set(),
    "support": SUPPORT,
    "finance": FINANCE,
    "approver": APPROVER,
    "risk": RISK,
    "ops": OPS,
    "admin": ADMIN,
}


def make_roles(**_: object) -> None:
    """The groups exist afterwards with exactly these rights. Comes after each migration of this app, when every
    app's permissions are there. LookupError for a right that does not exist."""
    if not Permission.objects.filter(content_type__app_label="auth").exists():
        # Migrated to where people did not exist yet.
        return
    looking = set(
        Permission.objects.filter(content_type__app_label__in=BUSINESS, codename__startswith="view_")
    )
    hidden = set(_named(CONFIDENTIAL))
    for name, rights in ROLES.items():
        group, _made = Group.objects.get_or_create(name=name)
        seen = looking if name == "admin" else looking - hidden
        group.permissions.set(seen | set(_named(rights)))


def _named(rights: Iterable[str]) -> list[Permission]:
    wanted = {(app, codename) for app, _, codename in (right.partition(".") for right in rights)}
    where = Q(pk=None)
    for app, codename in wanted:
        where |= Q(content_type__app_label=app, codename=codename)
    found = list(Permission.objects.filter(where).select_related("content_type"))
    missing = wanted - {(one.content_type.app_label, one.codename) for one in found}
    if missing:
        raise LookupError(f"Roles name rights that do not exist: {sorted(missing)}")
    return found
