"""What the views of lists share: a merchant sees their own lists, never the gateway's."""

from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request

from core.errors import InvalidRequest, ResourceMissing
from core.params import Params
from merchants.api import MerchantView
from risk.models import ValueList, ValueListItem


class ListView(MerchantView):
    resource = "value_lists"

    def lists(self) -> QuerySet[ValueList]:
        return ValueList.objects.filter(
            merchant=self.caller.merchant_id,
            livemode=self.caller.livemode,
            state=ValueList.State.ACTIVE,
        )

    def one_list(self, public_id: str, *, param: str = "id") -> ValueList:
        found = self.lists().filter(public_id=public_id).first()
        if found is None:
            raise ResourceMissing("value list", public_id, param=param, in_path=param == "id")
        return found

    def items(self) -> QuerySet[ValueListItem]:
        active = ValueListItem.objects.filter(state=ValueListItem.State.ACTIVE)
        return active.filter(value_list__in=self.lists()).select_related("value_list")

    def by(self) -> str:
        return f"API key {self.caller.key_name}"

    def key(self, request: Request) -> Any:
        return request._request.idempotency_key  # type: ignore[attr-defined]  # set by IdempotencyMiddleware


def refuse_expand(given: Params) -> None:
    if given.expand:
        raise InvalidRequest(f"This property cannot be expanded ({given.expand[0]}).", param="expand")
