"""What the console's one box finds of webhooks, by id."""

from core.finding import Finder, Found, Term, register
from core.showing import page_url
from webhooks.models import Event, WebhookEndpoint


def _events(term: Term) -> list[Found]:
    rows = (
        Event.objects.select_related("merchant").filter(public_id=term.text) if term.prefix == "evt" else []
    )
    return [
        Found(
            title=row.public_id,
            url=page_url(row),
            by="id",
            about=f"{row.type} of {row.object_id} · {row.merchant}",
            livemode=row.livemode,
            at=row.created_at,
        )
        for row in rows
    ]


def _endpoints(term: Term) -> list[Found]:
    known = WebhookEndpoint.objects.select_related("merchant")
    rows = known.filter(public_id=term.text) if term.prefix == "we" else []
    return [
        Found(row.public_id, page_url(row), "id", f"{row.url} · {row.merchant}", livemode=row.livemode)
        for row in rows
    ]


register(Finder("Events", "webhooks.view_event", _events, 60))
register(Finder("Webhook endpoints", "webhooks.view_webhookendpoint", _endpoints, 65))
