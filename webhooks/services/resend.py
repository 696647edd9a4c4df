"""Sends once more because a person asked for it: chosen deliveries, or all of an endpoint's events of a time."""

import time
from collections.abc import Callable, Iterable
from datetime import datetime

from django.utils import timezone

from core.db import in_transaction, load_statement, run_statement
from core.errors import InvalidRequest
from webhooks.models import Delivery, Replay, WebhookEndpoint

# Short transactions: an endpoint can be disabled, and deliveries recorded, in between.
BATCH = 1_000
# One task's share of a worker's thread; the next poll of beat continues.
BUDGET_SECONDS = 20.0
# While another one makes the batch.
PAUSE_SECONDS = 0.1

REPLAY = load_statement("replay.sql")


@in_transaction
def resend(delivery_ids: Iterable[int]) -> int:
    """Makes the deliveries due now, whatever became of earlier attempts; how many.

    Those of endpoints that are not enabled are left alone. One that is under way goes out again afterwards.
    """
    wanted = Delivery.objects.filter(pk__in=list(delivery_ids), endpoint__state=WebhookEndpoint.State.ENABLED)
    endpoints = WebhookEndpoint.objects.filter(pk__in=wanted.values("endpoint"))
    # Their lock first: a disabling that runs beside this either is seen by the update or sees it.
    list(endpoints.order_by("pk").select_for_update(no_key=True).values_list("pk"))
    return wanted.update(next_attempt_at=timezone.now(), failures=0, give_up_at=None)


@in_transaction
def ask_for_replay(
    endpoint: WebhookEndpoint,
    *,
    since: datetime,
    until: datetime | None = None,
    only_missed: bool = True,
    asked_by: str,
) -> Replay:
    """The endpoint's events from `since` to before `until` will be made due, by beat.

    `only_missed` leaves out what was delivered. What was given up is tried on the whole schedule again.
    InvalidRequest where the endpoint is not enabled. May be repeated: what is due stays due.
    """
    state = WebhookEndpoint.objects.values_list("state", flat=True).get(pk=endpoint.pk)
    if state != WebhookEndpoint.State.ENABLED:
        raise InvalidRequest(f"{endpoint.public_id} is not enabled: nothing is sent to it.")
    return Replay.objects.create(
        endpoint=endpoint,
        since=since,
        until=until or timezone.now(),
        only_missed=only_missed,
        asked_by=asked_by,
    )


def carry_out_replays(*, budget_seconds: float = BUDGET_SECONDS) -> int:
    """Works at all that were asked for until they are through or the time is up; how many are through. Any number
    may run at once: each batch is made by one of them."""
    end = time.monotonic() + budget_seconds
    through = 0
    running = Replay.objects.filter(state=Replay.State.RUNNING).order_by("pk")
    for pk in list(running.values_list("pk", flat=True)):
        state: str | None = Replay.State.RUNNING
        while state == Replay.State.RUNNING and time.monotonic() < end:
            state = _next_batch(pk)
        through += state in (Replay.State.DONE, Replay.State.STOPPED)
    return through


def finish_replay(replay: Replay, *, progress: Callable[[Replay], None] = lambda replay: None) -> int:
    """Works at it until it is through, beside beat; how many events will be sent. InvalidRequest where the endpoint
    was disabled meanwhile."""
    while replay.state == Replay.State.RUNNING:
        if _next_batch(replay.pk) is None:
            time.sleep(PAUSE_SECONDS)
        replay.refresh_from_db()
        progress(replay)
    if replay.state == Replay.State.STOPPED:
        raise InvalidRequest(
            f"{replay.endpoint.public_id} was disabled meanwhile: {replay.made} events were to be sent until then."
        )
    return replay.made


def _next_batch(replay_id: int) -> str | None:
    """The state that it leads to; None where somebody else is at it, or was."""
    rows = run_statement(REPLAY, {"replay": replay_id, "batch": BATCH})
    return rows[0].state if rows else None
