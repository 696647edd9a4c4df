"""Beat's part: reports are taken in as they come, and what is open is looked at again."""

from celery import shared_task

from reconciliation.services.pulling import look_again, pull_reports
from reconciliation.services.uploads import TASK, take_in_uploads


@shared_task(name="reconciliation.pull_reports")
def pull_reports_task() -> int:
    return pull_reports()


@shared_task(name="reconciliation.look_again")
def look_again_task() -> int:
    return look_again()


@shared_task(name=TASK)
def take_in_uploads_task() -> int:
    return take_in_uploads()
