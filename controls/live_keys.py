"""A live secret key that takes two people: whoever makes it sees it at once, and it opens nothing until somebody else
has agreed. So nobody has to keep a key's text in the meantime."""

from datetime import timedelta
from typing import Any

from controls.actions import Action, TwoPeople
from controls.approvals import Wish, ask_for_approval, needs_second_person
from controls.models import Approval
from core.errors import InvalidRequest
from merchants.models import ApiKey
from merchants.services import hold_key, release_key, revoke_key

NAME = "live_key"


def take_two(key: ApiKey) -> bool:
    """Publishable keys are no secret, and test keys move no money."""
    return key.livemode and key.kind != ApiKey.Kind.PUBLISHABLE and needs_second_person(NAME)


def hold(key: ApiKey, *, maker: Any, reason: str, replaces: ApiKey | None = None, hours: int = 0) -> Approval:
    """Asks for the key's approval, inside the transaction that made it; until then it is refused. The key that it
    replaces works for so many hours longer, from the approval on."""
    hold_key(key)
    instead = f", in place of {replaces}, which then works for {hours} h more" if replaces else ""
    wish = Wish(
        action=NAME,
        subject=key.merchant.public_id,
        summary=f"Live key {key} for {key.merchant}{instead}",
        parameters={"key": key.pk, "replaces": replaces and replaces.pk, "hours": hours},
        livemode=True,
        merchant_id=key.merchant_id,
    )
    return ask_for_approval(wish, key=f"live_key_{key.pk}", maker=maker, reason=reason)


def carry_out(approval: Approval) -> str:
    """From now on the key is accepted. InvalidRequest where it was revoked meanwhile."""
    key = ApiKey.objects.get(pk=approval.parameters["key"])
    if key.revoked_at is not None:
        raise InvalidRequest(f"{key} was revoked.")
    hours = timedelta(hours=approval.parameters["hours"])
    release_key(key, replaces=approval.parameters["replaces"], overlap=hours)
    return f"{key} is accepted from now on."


def came_to_nothing(approval: Approval) -> None:
    """It never opens anything."""
    revoke_key(ApiKey.objects.get(pk=approval.parameters["key"]))


LIVE_KEY = Action(
    name=NAME,
    title="Live secret key",
    carry_out=carry_out,
    page="admin:merchants_merchant_changelist",
    two_people=TwoPeople.SWITCHED,
    came_to_nothing=came_to_nothing,
)
