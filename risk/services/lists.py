"""Writes lists and who is on them. An entry is never changed: it is taken off, with who did it and why."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.db.transaction import on_commit
from django.utils import timezone
from msgspec import UNSET, UnsetType

from core.db import in_transaction
from core.errors import InvalidRequest
from core.params import check_metadata
from merchants.models import Merchant
from risk import listed
from risk.listing import CARD, EMAIL, matched_by
from risk.models import ItemType, RuleVersion, ValueList, ValueListItem

# Every process keeps them all in memory.
MAX_ITEMS = 50_000
MAX_LISTS = 200
KEY = re.compile(r"[a-z][a-z0-9_]{0,59}")
ACTIVE = ValueListItem.State.ACTIVE
FRAUD = ValueList.FilledBy.FRAUD_DISPUTES
SYSTEM = "Tollgate"


class OnTheList(InvalidRequest):
    """It is there already."""

    def __init__(self, item: ValueListItem) -> None:
        said = f"{item.value} is on this list since {item.created_at:%Y-%m-%d %H:%M} UTC, by {item.added_by}."
        super().__init__(said, param="value")


@in_transaction
def create_list(
    *,
    merchant: Merchant | None,
    livemode: bool,
    key: str,
    name: str,
    item_type: str,
    created_by: str,
    metadata: Mapping[str, str] | None = None,
) -> ValueList:
    """InvalidRequest for a key that is taken or that no rule could name."""
    _check_key(key)
    if item_type not in ItemType.values:
        kinds = ", ".join(ItemType.values)
        raise InvalidRequest(f"Invalid item_type: {item_type[:60]}; it is one of {kinds}.", param="item_type")
    if not name.strip():
        raise InvalidRequest("A list needs a name.", param="name")
    if lists_of(merchant, livemode).count() >= MAX_LISTS:
        raise InvalidRequest(f"There are {MAX_LISTS} lists already.", param="alias")
    _check_free(merchant, livemode, key)
    made = ValueList.objects.create(
        merchant=merchant,
        livemode=livemode,
        key=key,
        name=name.strip()[:80],
        item_type=item_type,
        created_by=created_by,
        metadata=dict(metadata or {}),
    )
    on_commit(listed.changed)
    return made


@in_transaction
def update_list(
    list_pk: int, *, key: str | None, name: str | None, metadata: Mapping[str, str] | UnsetType | None
) -> ValueList:
    """Changes what is given. Metadata is merged: "" removes a key, None all. InvalidRequest for a new key while a
    rule asks for the old one."""
    row = _locked(list_pk)
    if key is not None and key != row.key:
        _check_key(key)
        _check_free(row.merchant, row.livemode, key)
        _check_unasked(row)
        row.key = key
    if name is not None:
        if not name.strip():
            raise InvalidRequest("A list needs a name.", param="name")
        row.name = name.strip()[:80]
    if metadata is not UNSET:
        row.metadata = check_metadata({**row.metadata, **metadata} if metadata else None)
    row.save(update_fields=["key", "name", "metadata"])
    on_commit(listed.changed)
    return row


@in_transaction
def delete_list(list_pk: int) -> ValueList:
    """Harmless when it is deleted. InvalidRequest while a rule asks for it."""
    row = _locked(list_pk)
    if row.state == ValueList.State.DELETED:
        return row
    _check_unasked(row)
    row.delete_list()
    row.save(update_fields=["state"])
    on_commit(listed.changed)
    return row


@in_transaction
def add_item(
    list_pk: int,
    *,
    value: str,
    reason: str,
    added_by: str,
    expires_at: datetime | None = None,
    merchant_id: int | None = None,
    source: str = "",
) -> ValueListItem:
    """On the list for as long as it says. OnTheList where the same is there, however it is spelled; what has
    expired makes room. `merchant_id`: whose payments it is about, on a list of the gateway's."""
    row = _locked(list_pk)
    if row.state != ValueList.State.ACTIVE:
        raise InvalidRequest(f"{row.name} was deleted.", param="value_list")
    try:
        match = matched_by(row.item_type, value)
    except ValueError as error:
        raise InvalidRequest(f"Invalid value: {value[:100]}: {error}.", param="value") from None
    now = timezone.now()
    if expires_at is not None and expires_at <= now:
        raise InvalidRequest("It would have expired before it was added.", param="expires_at")
    whose = row.merchant_id or merchant_id
    _make_room(row, match, whose, now)
    item = ValueListItem.objects.create(
        value_list=row,
        merchant_id=whose,
        livemode=row.livemode,
        value=value.strip()[:320],
        match=match[:320],
        reason=reason[:500],
        added_by=added_by,
        expires_at=expires_at,
        source=source,
    )
    on_commit(listed.changed)
    return item


@in_transaction
def remove_item(item_pk: int, *, by: str, reason: str) -> ValueListItem:
    """Takes it off. Harmless when it was taken off before: that one holds."""
    item = ValueListItem.objects.select_for_update(no_key=True).get(pk=item_pk)
    if item.state == ACTIVE:
        _take_off(item, by, reason)
        on_commit(listed.changed)
    return item


@in_transaction
def list_disputed(
    *, merchant_id: int, livemode: bool, dispute: str, fingerprint: str, email: str, reason: str
) -> None:
    """Fills the lists that disputes for fraud fill, for the merchant's own payments; once for each dispute, so that
    what people take off stays off."""
    values = {CARD: fingerprint, EMAIL: email}
    rows = ValueList.objects.filter(
        Q(merchant=None) | Q(merchant=merchant_id),
        filled_by=FRAUD,
        livemode=livemode,
        state=ValueList.State.ACTIVE,
        item_type__in=[kind for kind, value in values.items() if value],
    )
    for row in rows.exclude(items__source=dispute).order_by("pk"):
        try:
            add_item(
                row.pk,
                value=values[row.item_type],
                reason=reason,
                added_by=SYSTEM,
                expires_at=timezone.now() + timedelta(days=row.fill_days),
                merchant_id=merchant_id,
                source=dispute,
            )
        except InvalidRequest:
            # It is there already, or was never an email.
            continue


@in_transaction
def unlist_disputed(*, dispute: str, reason: str) -> None:
    """Takes off what the dispute had put there."""
    items = ValueListItem.objects.select_for_update(no_key=True).filter(source=dispute, state=ACTIVE)
    for item in items.order_by("pk"):
        _take_off(item, SYSTEM, reason)
        on_commit(listed.changed)


def lists_of(merchant: Merchant | None, livemode: bool) -> QuerySet[ValueList]:
    return ValueList.objects.filter(merchant=merchant, livemode=livemode, state=ValueList.State.ACTIVE)


def _make_room(row: ValueList, match: str, merchant_id: int | None, now: datetime) -> None:
    items = row.items.filter(state=ACTIVE)
    same = items.filter(match=match, merchant=merchant_id).first()
    if same is not None:
        if same.expires_at is None or same.expires_at > now:
            raise OnTheList(same)
        _take_off(same, SYSTEM, "It had expired.")
    elif items.count() >= MAX_ITEMS:
        raise InvalidRequest(f"There are {MAX_ITEMS} items on {row.name} already.", param="value")


def _take_off(item: ValueListItem, by: str, reason: str) -> None:
    item.remove()
    item.removed_at, item.removed_by, item.removed_reason = timezone.now(), by, reason[:500]
    item.save(update_fields=["state", "removed_at", "removed_by", "removed_reason"])


def _check_unasked(row: ValueList) -> None:
    """A rule that asks for a list must find one of its key."""
    if ValueList.objects.filter(key=row.key, state=ValueList.State.ACTIVE).exclude(pk=row.pk).exists():
        return
    asked = RuleVersion.objects.exclude(state=RuleVersion.State.RETIRED).select_related("rule")
    for version in asked:
        if re.search(rf"\blists\.{row.key}\b", version.expression):
            raise InvalidRequest(
                f"The rule '{version.rule.name}' asks for lists.{row.key}: retire or change it first.",
                param="alias",
            )


def _check_key(key: str) -> None:
    if not KEY.fullmatch(key):
        raise InvalidRequest(
            f"Invalid alias: {key[:60]}; rules name it as lists.<alias>, so it is small letters, digits and "
            "underscores, and begins with a letter.",
            param="alias",
        )


def _check_free(merchant: Merchant | None, livemode: bool, key: str) -> None:
    if lists_of(merchant, livemode).filter(key=key).exists():
        raise InvalidRequest(f"There is a list {key} already.", param="alias")


def _locked(list_pk: int) -> ValueList:
    """Items of a list are added one after the other: of two people who add the same, the second is told."""
    return ValueList.objects.select_for_update(no_key=True).get(pk=list_pk)
