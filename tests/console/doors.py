"""Who may open which page of the console and use which action: the whole table. A page or an action that is not
here fails `test_roles.py`."""

from gateway.roles import ROLES

EVERYONE = frozenset(ROLES)
NOBODY: frozenset[str] = frozenset()
ADMIN = frozenset({"admin"})
REFUNDERS = frozenset({"support", "finance", "admin"})
DOUBTERS = frozenset({"finance", "ops", "admin"})
PAYERS = frozenset({"finance", "admin"})
DECIDERS = frozenset({"approver", "admin"})
RESOLVERS = frozenset({"finance", "approver", "risk", "ops", "admin"})
ANALYSTS = frozenset({"risk", "admin"})
ROUTERS = frozenset({"risk", "ops", "admin"})
OPERATORS = frozenset({"ops", "admin"})
EXPORTERS = frozenset({"finance", "approver", "risk", "ops", "admin"})
RESENDERS = frozenset({"support", "ops", "admin"})

# Tables that are only looked at: their list, a row's page and its history. Adding and deleting are for nobody.
TABLES: dict[str, frozenset[str]] = {
    "merchants_merchant": EVERYONE,
    "controls_alert": EVERYONE,
    "controls_approval": EVERYONE,
    "controls_threshold": EVERYONE,
    "ledger_ledgeraccount": EVERYONE,
    "ledger_ledgertransaction": EVERYONE,
    "ledger_ledgerentry": EVERYONE,
    "webhooks_event": EVERYONE,
    "webhooks_webhookendpoint": EVERYONE,
    "webhooks_delivery": EVERYONE,
    "webhooks_notification": EVERYONE,
    "payments_charge": EVERYONE,
    "payments_processorhealth": EVERYONE,
    "payments_paymentintent": EVERYONE,
    "payments_refund": EVERYONE,
    "payments_operation": EVERYONE,
    "payments_balancetransaction": EVERYONE,
    "payments_routingrule": EVERYONE,
    "payments_payout": EVERYONE,
    "payments_dispute": EVERYONE,
    "payments_feeplan": EVERYONE,
    "risk_decision": EVERYONE,
    "risk_rule": EVERYONE,
    "risk_review": EVERYONE,
    "risk_scoremodel": EVERYONE,
    "payments_bankaccount": EVERYONE,
    "payments_terms": EVERYONE,
    "receipts_receipt": EVERYONE,
    "ledger_ledgerseal": EVERYONE,
    "reconciliation_break": EVERYONE,
    "reconciliation_reportfile": EVERYONE,
    "reconciliation_upload": EVERYONE,
    "receipts_receiptsetting": EVERYONE,
    "controls_auditentry": ADMIN,
    "auth_user": ADMIN,
    "auth_group": ADMIN,
}
# All other addresses, and what differs from the above.
PAGES: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        ["index", "search", "password_change", "password_change_done", "jsi18n", "app_list"], EVERYONE
    ),
    "merchants_merchant_add": ADMIN,
    "merchants_orders": ADMIN,
    "merchants_key_issue": ADMIN,
    "merchants_key_roll": ADMIN,
    "merchants_key_revoke": ADMIN,
    "merchants_key_addresses": ADMIN,
    "merchants_key_leaked": ADMIN,
    "merchants_origins": ADMIN,
    "controls_alert_resolve": RESOLVERS,
    "controls_approval_approve": DECIDERS,
    "controls_approval_refuse": DECIDERS,
    "controls_threshold_add": ADMIN,
    "controls_threshold_delete": ADMIN,
    "ledger_ledgeraccount_trial_balance": EVERYONE,
    **dict.fromkeys((f"payments_charge_{way}" for way in ("refund", "capture", "void")), REFUNDERS),
    **dict.fromkeys((f"payments_operation_{way}" for way in ("look", "decide")), DOUBTERS),
    "payments_balancetransaction_statement": EVERYONE,
    "payments_balancetransaction_file": EXPORTERS,
    "payments_dispute_evidence": REFUNDERS,
    "payments_dispute_submit": REFUNDERS,
    "payments_dispute_accept": frozenset({"finance", "admin"}),
    "payments_dispute_file": EVERYONE,
    "payments_feeplan_add": frozenset({"finance", "admin"}),
    "payments_payout_balances": EVERYONE,
    "payments_payout_cancel": PAYERS,
    "payments_bankaccount_pay_out": PAYERS,
    "payments_bankaccount_add": ADMIN,
    "payments_terms_add": frozenset({"risk", "admin"}),
    "payments_processorhealth_close": OPERATORS,
    **dict.fromkeys((f"risk_rule_{way}" for way in ("add", "check", "write", "step", "try_out")), ANALYSTS),
    "risk_rule_back_test": EVERYONE,
    **dict.fromkeys((f"risk_review_{way}" for way in ("approve", "reject")), ANALYSTS),
    "risk_scoremodel_step": ANALYSTS,
    "payments_routingrule_preview": EVERYONE,
    "payments_routingrule_add": ROUTERS,
    "payments_routingrule_remove": ROUTERS,
    **dict.fromkeys((f"webhooks_endpoint_{way}" for way in ("test", "replay", "roll", "switch")), OPERATORS),
    "receipts_receiptsetting_add": ADMIN,
    "ledger_ledgeraccount_statement": EVERYONE,
    # It asks for the right that the chosen step takes, once it knows which step that is.
    "reconciliation_break_work": EVERYONE,
    "reconciliation_reportfile_upload": frozenset({"finance", "admin"}),
    "reconciliation_reportfile_take_in": frozenset({"finance", "admin"}),
    "auth_user_add": ADMIN,
    "auth_user_password_change": ADMIN,
    "auth_user_second_factor": ADMIN,
    **dict.fromkeys(
        ["find", "second_factor", "second_factor_enrol", "recovery_codes", "confirm_identity"], EVERYONE
    ),
}
# Login is for those who are nobody yet, and who logs out is nobody afterwards. Completions and links to a site's
# own pages are Django's; no page of ours uses them.
NOT_TRIED = frozenset({"login", "logout", "autocomplete", "view_on_site"})
ACTIONS: dict[tuple[str, str], frozenset[str]] = {
    ("webhooks_delivery", "resend"): RESENDERS,
    ("receipts_receipt", "send_again"): RESENDERS,
    ("webhooks_notification", "apply_again"): frozenset({"finance", "ops", "admin"}),
    ("auth_group", "delete_selected"): NOBODY,
}


def who(name: str) -> frozenset[str] | None:
    """Who may open the address of this name; None where the table does not say."""
    if name in PAGES:
        return PAGES[name]
    model, _, kind = name.rpartition("_")
    if model not in TABLES:
        return None
    match kind:
        case "changelist" | "change" | "history":
            return TABLES[model]
        case "export":
            return TABLES[model] & EXPORTERS
        case "add" | "delete":
            return NOBODY
        case _:
            return None
