"""Beat's part: what events ask for is made and sent, and what comes back is noted."""

from celery import shared_task

from receipts.services.bounces import take_bounces
from receipts.services.send import make_receipts, send_receipts


@shared_task(name="receipts.send")
def send_task() -> int:
    make_receipts()
    return send_receipts()


@shared_task(name="receipts.take_bounces")
def bounces_task() -> int:
    return take_bounces()
