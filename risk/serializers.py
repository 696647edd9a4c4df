"""Lists and their items as the API shows them: Stripe's shapes."""

from typing import Any

from risk.models import ValueList, ValueListItem


def value_list(row: ValueList, items: list[ValueListItem], *, more: bool) -> dict[str, Any]:
    """With its newest items, as Stripe's has them."""
    return {
        "id": row.public_id,
        "object": "radar.value_list",
        "alias": row.key,
        "created": int(row.created_at.timestamp()),
        "created_by": row.created_by,
        "item_type": row.item_type,
        "list_items": {
            "object": "list",
            "data": [value_list_item(item, row.public_id) for item in items],
            "has_more": more,
            "url": f"/v1/radar/value_list_items?value_list={row.public_id}",
        },
        "livemode": row.livemode,
        "metadata": row.metadata,
        "name": row.name,
    }


def value_list_item(item: ValueListItem, value_list: str) -> dict[str, Any]:
    return {
        "id": item.public_id,
        "object": "radar.value_list_item",
        "created": int(item.created_at.timestamp()),
        "created_by": item.added_by,
        # Ours, both: until when it counts, and why it is there.
        "expires_at": int(item.expires_at.timestamp()) if item.expires_at else None,
        "livemode": item.livemode,
        "reason": item.reason,
        "value": item.value,
        "value_list": value_list,
    }


def deleted(kind: str, public_id: str) -> dict[str, Any]:
    return {"id": public_id, "object": f"radar.{kind}", "deleted": True}
