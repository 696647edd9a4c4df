from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "payments"

    def ready(self) -> None:
        # All have to do with models, which are there only now.
        from controls import actions
        from ledger.checks import register
        from ledger.monitor import explained_by
        from payments import aftermath, checks
        from payments.services import (
            approved_fee_plan,
            approved_payout,
            approved_refund,
            approved_rule,
            doubt,
        )
        from risk.aftermath import known_by, labelled_by

        actions.register(approved_refund.REFUND)
        actions.register(approved_fee_plan.FEE_PLAN)
        actions.register(approved_payout.PAYOUT)
        actions.register(approved_rule.ROUTING_RULE)
        actions.register(doubt.DECIDE_OUTCOME)
        register(checks.unconfirmed_money_has_its_open_operations)
        register(checks.merchants_have_what_their_balance_transactions_say)
        register(checks.money_in_transit_is_with_its_payouts)
        register(checks.charges_are_where_their_timeline_says)
        explained_by(checks.operations_at_work)
        known_by(aftermath.outcomes_of)
        labelled_by(aftermath.labels_of)
