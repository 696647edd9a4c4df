"""What processors notified us of, applied once more because a person asked for it."""

from collections.abc import Iterable

from django.utils import timezone

from webhooks.models import Notification


def apply_again(notification_ids: Iterable[int]) -> int:
    """Makes the notifications due now, whatever became of them, with all their tries; how many. Applying one twice
    changes nothing: it only has its reference looked up."""
    wanted = Notification.objects.filter(pk__in=list(notification_ids))
    return wanted.update(next_attempt_at=timezone.now(), attempts=0, problem="")
