"""Maker and checker: one asks, another decides, and then it is done once, by the same service as the direct way."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction
from django.utils import timezone

from controls.actions import TwoPeople, action_named
from controls.errors import NotOpen, OtherRequest, SamePerson
from controls.models import Approval, Threshold
from core.errors import TollgateError

LASTS = timedelta(days=3)
# After so long, whoever approved it is not carrying it out any more.
LEFT_BEHIND = timedelta(minutes=2)
MAX_AT_ONCE = 50
State = Approval.State
log = logging.getLogger("tollgate.controls")


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What somebody wants done. `subject` is a public id, `parameters` all that carrying it out takes."""

    action: str
    subject: str
    summary: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    livemode: bool | None = None
    merchant_id: int | None = None
    currency: str = ""
    amount_minor: int | None = None


@dataclass(frozen=True)
class Thresholds:
    """Those of an action as they are now, for whoever measures many amounts."""

    action: str
    amounts: Mapping[str, int]

    def take_two(self, currency: str, amount_minor: int) -> bool:
        """An amount at the threshold is still one person's. Once an action has thresholds, a currency without one
        takes two people for any amount."""
        action = action_named(self.action)
        if action.two_people is TwoPeople.ALWAYS:
            return True
        if not self.amounts:
            return not action.alone_without_threshold
        return currency not in self.amounts or amount_minor > self.amounts[currency]


def thresholds_of(action: str) -> Thresholds:
    return Thresholds(
        action, dict(Threshold.objects.filter(action=action).values_list("currency", "amount_minor"))
    )


def needs_second_person(action: str, currency: str = "", amount_minor: int = 1) -> bool:
    """See `Thresholds.take_two`. Neither currency nor amount for what has none: the threshold that switches it on is
    nothing, in no currency."""
    return thresholds_of(action).take_two(currency, amount_minor)


def ask_for_approval(wish: Wish, *, key: str, maker: Any, reason: str) -> Approval:
    """An open approval, once per key. OtherRequest where the key asked for something else before."""
    action_named(wish.action)
    asked = {
        "action": wish.action,
        "subject": wish.subject,
        "parameters": dict(wish.parameters),
        "currency": wish.currency,
        "amount_minor": wish.amount_minor,
        "maker_id": maker.pk,
    }
    try:
        with transaction.atomic():
            return Approval.objects.create(
                **asked,
                key=key,
                summary=wish.summary,
                livemode=wish.livemode,
                merchant_id=wish.merchant_id,
                reason=reason,
                expires_at=timezone.now() + LASTS,
            )
    except IntegrityError:
        known = Approval.objects.filter(key=key, **asked).first()
        if known is None:
            raise OtherRequest from None
        return known


def approve(approval_pk: int, *, checker: AbstractBaseUser, note: str = "") -> Approval:
    """Decides and carries out. SamePerson or NotOpen where this person can't decide, or nobody can any more."""
    decide(approval_pk, State.APPROVED, checker=checker, note=note)
    return carry_out(approval_pk)


def refuse(approval_pk: int, *, checker: AbstractBaseUser, note: str) -> Approval:
    return decide(approval_pk, State.REFUSED, checker=checker, note=note)


def carry_out(approval_pk: int) -> Approval:
    """Does what was approved, outside of any transaction; harmless when called again. Still `approved` afterwards
    where it can't be done yet: beat tries again."""
    approval = Approval.objects.select_related("maker", "checker", "merchant").get(pk=approval_pk)
    if approval.state != State.APPROVED:
        return approval
    try:
        state, result = State.DONE, action_named(approval.action).carry_out(approval)
    except TollgateError as error:
        if error.retry:
            return approval
        state, result = State.FAILED, error.message
    Approval.objects.filter(pk=approval_pk, state=State.APPROVED).update(
        state=state, result=result, carried_out_at=timezone.now()
    )
    approval.refresh_from_db()
    return approval


def look_after_approvals() -> int:
    """Beat's part: open ones expire, approved ones that were left behind are carried out. How many."""
    now = timezone.now()
    late = Approval.objects.filter(state=State.OPEN, expires_at__lte=now).order_by("expires_at")
    expired = sum(_expire(pk) for pk in list(late.values_list("pk", flat=True)[:MAX_AT_ONCE]))
    left = Approval.objects.filter(state=State.APPROVED, decided_at__lte=now - LEFT_BEHIND)
    waiting = list(left.order_by("decided_at").values_list("pk", flat=True)[:MAX_AT_ONCE])
    for pk in waiting:
        try:
            carry_out(pk)
        except Exception:
            # The others need not wait for what is wrong with this one.
            log.exception("approval %s could not be carried out", pk)
    return expired + len(waiting)


@transaction.atomic
def _expire(approval_pk: int) -> bool:
    """Whether it was still open. Its action hears that nothing will come of it."""
    approval = Approval.objects.select_for_update(no_key=True, of=["self"]).get(pk=approval_pk)
    if approval.state != State.OPEN:
        return False
    approval.state = State.EXPIRED
    approval.save(update_fields=["state"])
    if told := action_named(approval.action).came_to_nothing:
        told(approval)
    return True


@transaction.atomic
def decide(approval_pk: int, state: str, *, checker: AbstractBaseUser, note: str) -> Approval:
    """The decision alone; `carry_out` follows what is approved, and its action hears of a refusal. SamePerson or
    NotOpen."""
    approval = Approval.objects.select_for_update(no_key=True, of=["self"]).get(pk=approval_pk)
    if approval.state != State.OPEN:
        raise NotOpen(approval.public_id, approval.state)
    if approval.expires_at <= timezone.now():
        raise NotOpen(approval.public_id, State.EXPIRED)
    if approval.maker_id == checker.pk:
        raise SamePerson(approval.public_id)
    approval.state, approval.decision, approval.decided_at = state, note, timezone.now()
    approval.checker_id = checker.pk
    approval.save(update_fields=["state", "decision", "decided_at", "checker"])
    if state == State.REFUSED and (told := action_named(approval.action).came_to_nothing):
        told(approval)
    return approval
