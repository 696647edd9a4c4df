"""Reading alerts."""

from controls.models import Alert


def open_alerts(*, limit: int) -> list[Alert]:
    """The ones seen last come first."""
    rows = Alert.objects.filter(state=Alert.State.OPEN).select_related("merchant")
    return list(rows.order_by("-last_seen_at")[:limit])
