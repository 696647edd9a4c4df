"""A list of the console, narrowed to one merchant's rows."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from core.console import SelectFilter
from merchants.models import Merchant

MAX_MERCHANTS_LISTED = 1_000


class MerchantFilter(SelectFilter):
    title = "merchant"
    parameter_name = "merchant"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        listed = Merchant.objects.order_by("name", "pk").values_list("pk", "name")[:MAX_MERCHANTS_LISTED]
        return [(str(pk), name) for pk, name in listed]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        return queryset.filter(merchant__pk=chosen) if chosen and chosen.isdecimal() else queryset
