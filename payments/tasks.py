"""Beat's part: nothing stays open because nobody asked."""

from celery import shared_task

from payments.services.answer_dispute import look_after_disputes
from payments.services.available import make_available
from payments.services.checkout import expire_overdue
from payments.services.find_disputes import find_disputes
from payments.services.look_after import look_after_charges
from payments.services.look_after_payouts import look_after_payouts
from payments.services.notifications import apply_notifications
from payments.services.payout_schedule import schedule_payouts
from payments.services.publishable_keys import push_publishable_keys
from payments.services.remind_of_disputes import remind_of_disputes
from payments.services.resume import sweep_operations
from payments.services.reviews import look_after_reviews


@shared_task(name="payments.sweep_operations")
def sweep_operations_task() -> int:
    return sweep_operations()


@shared_task(name="payments.push_publishable_keys")
def push_publishable_keys_task() -> int:
    return push_publishable_keys()


@shared_task(name="payments.look_after_charges")
def look_after_charges_task() -> int:
    return look_after_charges()


@shared_task(name="payments.look_after_reviews")
def look_after_reviews_task() -> int:
    return look_after_reviews()


@shared_task(name="payments.apply_notifications")
def apply_notifications_task() -> int:
    return apply_notifications()


@shared_task(name="payments.make_available")
def make_available_task() -> int:
    return make_available()


@shared_task(name="payments.look_after_payouts")
def look_after_payouts_task() -> int:
    return look_after_payouts()


@shared_task(name="payments.schedule_payouts")
def schedule_payouts_task() -> int:
    return schedule_payouts()


@shared_task(name="payments.look_after_disputes")
def look_after_disputes_task() -> int:
    return look_after_disputes()


@shared_task(name="payments.find_disputes")
def find_disputes_task() -> int:
    return find_disputes()


@shared_task(name="payments.remind_of_disputes")
def remind_of_disputes_task() -> int:
    return remind_of_disputes()


@shared_task(name="payments.expire_checkouts")
def expire_checkouts_task() -> int:
    return expire_overdue()
