"""Which order a payment is for, where its merchant says so."""

from core.params import limited
from merchants.auth import Caller


def order_of(caller: Caller, order_reference: str | None, metadata: dict[str, str] | None) -> str:
    """The parameter, else the metadata key that the merchant's settings name; "" for none."""
    if not order_reference and caller.order_metadata_key:
        order_reference = (metadata or {}).get(caller.order_metadata_key)
    return limited("order_reference", order_reference, 255)
