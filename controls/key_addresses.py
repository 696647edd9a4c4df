"""Where a live secret key may be used from, changed by two people: whoever can open it to another network on their
own could use a key that they have seen."""

from collections.abc import Iterable
from typing import Any

from controls.actions import Action, TwoPeople
from controls.approvals import Wish, ask_for_approval, needs_second_person
from controls.models import Approval
from core.errors import InvalidRequest
from merchants.addresses import read_networks
from merchants.models import ApiKey
from merchants.services import allow_addresses

NAME = "key_addresses"


def take_two(key: ApiKey) -> bool:
    return key.livemode and needs_second_person(NAME)


def ask(key: ApiKey, addresses: Iterable[str], *, maker: Any, reason: str, once: str) -> Approval:
    """`once` names the form that asks. InvalidRequest for what is no address."""
    wanted = read_networks(addresses)
    change = f"from {in_words(wanted)}, until now from {in_words(key.addresses)}"
    wish = Wish(
        action=NAME,
        subject=key.merchant.public_id,
        summary=f"{key} of {key.merchant} to be used {change}",
        parameters={"key": key.pk, "addresses": wanted, "until_now": key.addresses},
        livemode=True,
        merchant_id=key.merchant_id,
    )
    return ask_for_approval(wish, key=f"{NAME}_{once}", maker=maker, reason=reason)


def carry_out(approval: Approval) -> str:
    """InvalidRequest where the key is out of use, or was given other addresses meanwhile."""
    asked = approval.parameters
    key = ApiKey.objects.select_related("merchant").get(pk=asked["key"])
    if not key.usable:
        raise InvalidRequest(f"{key} is out of use.")
    if key.addresses not in (asked["until_now"], asked["addresses"]):
        raise InvalidRequest(f"{key} was given other addresses meanwhile: {in_words(key.addresses)}.")
    allow_addresses(key, asked["addresses"])
    return f"{key} may be used from {in_words(key.addresses)}."


def in_words(addresses: Iterable[str]) -> str:
    return ", ".join(addresses) or "anywhere"


KEY_ADDRESSES = Action(
    name=NAME,
    title="Addresses of a live key",
    carry_out=carry_out,
    page="admin:merchants_merchant_changelist",
    two_people=TwoPeople.SWITCHED,
)
