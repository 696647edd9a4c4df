"""The lists as every verdict needs them: in memory, and a change followed by every process within seconds."""

import functools
from collections.abc import Mapping
from typing import Any

from django.db import connection
from django.db.models import Count, Sum
from django.utils import timezone

from risk.facts import Request
from risk.kept import Kept
from risk.listing import Entry, Index
from risk.models import ValueList, ValueListItem

READ_SECONDS = 2.0
BATCH = 5_000


def on_lists(request: Request, facts: Mapping[str, Any]) -> tuple[dict[str, bool], list[dict[str, str]]]:
    """For each key that there is, whether the payment is on such a list; and each entry that says so."""
    index = _index(_database()).get()
    found = index.found(facts, request.merchant_id, request.livemode, timezone.now())
    on = dict.fromkeys(index.keys, False) | {entry.key: True for entry in found}
    return on, [{"list": entry.key, "item": entry.item} for entry in found]


def changed() -> None:
    """The next payment of this process is judged by the lists as they are now."""
    _index(_database()).expire()


def forget() -> None:
    """This process reads everything anew."""
    _index.cache_clear()


def _database() -> str:
    """A process that is pointed to another database must not know the first one's."""
    return str(connection.settings_dict["NAME"])


@functools.cache
def _index(database: str) -> Kept[Index]:
    return Kept(_Reading().read, seconds=READ_SECONDS)


class _Reading:
    """Items that are as they were are not read again."""

    def __init__(self) -> None:
        self._seen: tuple[Any, ...] = ()
        self._index = Index()

    def read(self) -> Index:
        items = ValueListItem.objects.filter(state=ValueListItem.State.ACTIVE)
        lists = ValueList.objects.filter(state=ValueList.State.ACTIVE)
        marks = items.aggregate(number=Count("pk"), total=Sum("pk"))
        kinds = {pk: (key, kind) for pk, key, kind in lists.values_list("pk", "key", "item_type")}
        seen = (marks["number"], marks["total"], kinds)
        if seen == self._seen:
            return self._index
        index = Index(frozenset(key for key, _ in kinds.values()))
        columns = ("value_list_id", "match", "public_id", "merchant_id", "livemode", "expires_at")
        for pk, match, item, merchant_id, livemode, expires_at in items.values_list(*columns).iterator(BATCH):
            if pk in kinds:
                key, kind = kinds[pk]
                index.add(kind, match, Entry(key, item, merchant_id, livemode, expires_at))
        self._seen, self._index = seen, index
        return index
