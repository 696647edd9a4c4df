"""Beat's part: what is booked is sealed within seconds, and what is odd is told."""

from celery import shared_task

from ledger.monitor import look_after, seal_and_check


@shared_task(name="ledger.seal")
def seal_task() -> int:
    return seal_and_check()


@shared_task(name="ledger.monitor")
def monitor_task() -> int:
    return look_after()
