"""Beat's part: what events ask for is made and sent."""

from celery import shared_task

from receipts.services.send import make_receipts, send_receipts


@shared_task(name="receipts.send")
def send_task() -> int:
    make_receipts()
    return send_receipts()
