"""Beat's part: no approval stays open for ever, and none that was given is forgotten."""

from celery import shared_task

from controls.approvals import look_after_approvals


@shared_task(name="controls.look_after_approvals")
def look_after_approvals_task() -> int:
    return look_after_approvals()
