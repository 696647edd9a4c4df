"""Beat's and kick's part: events are fanned out, due deliveries are sent, the event stream is fed. Each works until
nothing is left or its time is up; the next poll continues."""

from celery import shared_task
from django.conf import settings

from webhooks.kick import hint
from webhooks.services.deliver import deliver_due
from webhooks.services.publish import publish
from webhooks.services.relay import relay
from webhooks.services.resend import carry_out_replays
from webhooks.services.watch import disable_failing_endpoints


@shared_task(name="webhooks.relay")
def relay_task() -> int:
    made = relay()
    if made:
        hint("webhooks.deliver_due")
    if settings.KAFKA_BOOTSTRAP_SERVERS:
        hint("webhooks.publish")
    return made


@shared_task(name="webhooks.deliver_due")
def deliver_due_task() -> int:
    return deliver_due()


@shared_task(name="webhooks.disable_failing_endpoints")
def disable_failing_endpoints_task() -> int:
    return disable_failing_endpoints()


@shared_task(name="webhooks.publish")
def publish_task() -> int:
    return publish()


@shared_task(name="webhooks.replay")
def replay_task() -> int:
    return carry_out_replays()
