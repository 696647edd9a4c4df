"""Sends once more because a person asked for it: chosen deliveries, or all of an endpoint's events of a time."""

from collections.abc import Callable, Iterable
from datetime import datetime

from django.utils import timezone

from core.db import in_transaction, load_statement, run_statement
from core.errors import InvalidRequest
from webhooks.models import Delivery, WebhookEndpoint

# Short transactions: an endpoint can be disabled, and deliveries recorded, in between.
BATCH = 1_000

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


def replay(
    endpoint: WebhookEndpoint,
    *,
    since: datetime,
    until: datetime | None = None,
    only_missed: bool = True,
    progress: Callable[[int], None] = lambda events: None,
) -> int:
    """Makes due the endpoint's events from `since` to before `until`; how many.

    `only_missed` leaves out what was delivered. What was given up is tried on the whole schedule again.
    InvalidRequest where the endpoint is not enabled. May be repeated: what is due stays due.
    """
    until = until or timezone.now()
    position, id, made = -1, 0, 0
    while True:
        values = {
            "endpoint": endpoint.pk,
            "position": position,
            "id": id,
            "since": since,
            "until": until,
            "only_missed": only_missed,
            "batch": BATCH,
        }
        (batch,) = run_statement(REPLAY, values)
        if not batch.enabled:
            raise InvalidRequest(f"{endpoint.public_id} is not enabled: nothing is sent to it.")
        made += int(batch.deliveries)
        progress(batch.events)
        if batch.events < BATCH:
            return made
        position, id = batch.position, batch.id
