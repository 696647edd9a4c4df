"""Beat's part: nothing stays open because nobody asked."""

from celery import shared_task

from payments.services.publishable_keys import push_publishable_keys
from payments.services.resume import sweep_operations


@shared_task(name="payments.sweep_operations")
def sweep_operations_task() -> int:
    return sweep_operations()


@shared_task(name="payments.push_publishable_keys")
def push_publishable_keys_task() -> int:
    return push_publishable_keys()
