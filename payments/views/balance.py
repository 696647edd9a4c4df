"""What a merchant has, and every change to it."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from core.listing import ListParams, list_page
from core.params import Params
from payments import queries, serializers
from payments.models import BalanceTransaction
from payments.views.base import PaymentView


class BalanceTransactionListParams(ListParams):
    type: str | None = None
    source: str | None = None
    currency: str | None = None
    payout: str | None = None


class Balance(PaymentView):
    kind = "balance"
    resource = "balance"

    def get(self, request: Request) -> Response:
        self.read(request, Params)
        rows = queries.balance(self.caller.merchant_id, livemode=self.caller.livemode)
        return Response(serializers.balance(rows, livemode=self.caller.livemode))


class BalanceTransactions(PaymentView):
    """Under its own address, and `/v1/balance/history`, its old one."""

    kind = "balance_transaction"
    resource = "balance"

    def get(self, request: Request) -> Response:
        asked = self.read(request, BalanceTransactionListParams)
        given = {
            "type": asked.type,
            "source": asked.source,
            "currency": (asked.currency or "").lower(),
            "payout__public_id": asked.payout,
        }
        return Response(
            list_page(
                queries.balance_transactions(self.caller),
                asked,
                url="/v1/balance_transactions",
                kind="balance_transaction",
                render=_shown,
                where={name: value for name, value in given.items() if value},
            )
        )


class BalanceTransactionDetail(PaymentView):
    kind = "balance_transaction"
    resource = "balance"

    def get(self, request: Request, public_id: str) -> Response:
        self.read(request, Params)
        return Response(serializers.balance_transaction(queries.balance_transaction(self.caller, public_id)))


def _shown(rows: list[BalanceTransaction]) -> list[dict[str, Any]]:
    return [serializers.balance_transaction(row) for row in rows]
