"""Beat's part: nothing stays open because nobody asked."""

from celery import shared_task

from payments.services.resume import sweep_operations


@shared_task(name="payments.sweep_operations")
def sweep_operations_task() -> int:
    return sweep_operations()
