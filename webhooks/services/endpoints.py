"""Makes, changes and removes a merchant's endpoints."""

from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from msgspec import UNSET, UnsetType

from controls.services import resolve_alert
from core.db import in_transaction
from core.errors import InvalidRequest, ResourceMissing
from core.params import check_metadata
from merchants.answers import API_VERSION
from merchants.models import Merchant
from webhooks import queries
from webhooks.addresses import check_url
from webhooks.event_types import is_known
from webhooks.models import Delivery, WebhookEndpoint, new_secret

# Stripe's limit. Each endpoint multiplies a merchant's deliveries.
MAX_ENDPOINTS = 16
# A week: a deployment that has to wait for somebody's return.
MAX_OVERLAP_SECONDS = 7 * 24 * 3_600
# The alert that tells staff of an endpoint that we disabled.
ENDPOINT_DISABLED = "webhook_endpoint_disabled"

State = WebhookEndpoint.State


@in_transaction
def create_endpoint(
    *,
    merchant_id: int,
    livemode: bool,
    url: str,
    enabled_events: Sequence[str],
    api_version: str | None,
    description: str | None,
    metadata: dict[str, str] | None,
    ordered: bool = False,
) -> WebhookEndpoint:
    """An enabled endpoint; events recorded from now on are sent to it. InvalidRequest names what is wrong."""
    _check_events(enabled_events)
    if api_version not in (None, API_VERSION):
        raise InvalidRequest(
            f"Events have the form of API version {API_VERSION}; {api_version} can't be chosen.",
            param="api_version",
        )
    check_url(url, livemode=livemode, allow_private=settings.WEBHOOKS_ALLOW_LOOPBACK)
    Merchant.objects.select_for_update(no_key=True).get(pk=merchant_id)
    if queries.endpoints(merchant_id, livemode=livemode).count() >= MAX_ENDPOINTS:
        raise InvalidRequest(f"There can be at most {MAX_ENDPOINTS} webhook endpoints in each mode.")
    endpoint = WebhookEndpoint.objects.create(
        merchant_id=merchant_id,
        livemode=livemode,
        url=url,
        enabled_events=list(enabled_events),
        api_version=api_version,
        description=description,
        metadata=check_metadata(metadata),
        ordered=ordered,
    )
    endpoint.refresh_from_db(fields=["created_at"])
    return endpoint


@in_transaction
def update_endpoint(
    *,
    merchant_id: int,
    livemode: bool,
    public_id: str,
    url: str | UnsetType = UNSET,
    enabled_events: Sequence[str] | UnsetType = UNSET,
    disabled: bool | UnsetType = UNSET,
    description: str | UnsetType | None = UNSET,
    metadata: dict[str, str] | UnsetType | None = UNSET,
    ordered: bool | UnsetType = UNSET,
) -> WebhookEndpoint:
    """Changes what is given. Metadata is merged: "" removes a key, None all. A disabled endpoint is sent
    nothing more, at once."""
    endpoint = _locked(merchant_id, livemode, public_id)
    if url is not UNSET:
        endpoint.url = check_url(url, livemode=livemode, allow_private=settings.WEBHOOKS_ALLOW_LOOPBACK)
    if enabled_events is not UNSET:
        _check_events(enabled_events)
        endpoint.enabled_events = list(enabled_events)
    if description is not UNSET:
        endpoint.description = description
    if metadata is not UNSET:
        endpoint.metadata = check_metadata({**endpoint.metadata, **metadata} if metadata else None)
    if ordered is not UNSET:
        endpoint.ordered = ordered
    if disabled is True:
        endpoint.state = State.DISABLED
    elif disabled is False:
        _enable(endpoint)
    endpoint.save()
    if endpoint.state == State.DISABLED:
        stop_deliveries(endpoint)
    return endpoint


@in_transaction
def roll_secret(*, merchant_id: int, livemode: bool, public_id: str, overlap_seconds: int) -> WebhookEndpoint:
    """A new secret, at once. The old one signs beside it for `overlap_seconds`; one older still stops."""
    if not 0 <= overlap_seconds <= MAX_OVERLAP_SECONDS:
        raise InvalidRequest(
            f"Invalid expires_in: {overlap_seconds}; the old secret can go on for 0 to {MAX_OVERLAP_SECONDS} "
            "seconds.",
            param="expires_in",
        )
    endpoint = _locked(merchant_id, livemode, public_id)
    endpoint.previous_secret = endpoint.secret if overlap_seconds else ""
    endpoint.previous_secret_until = (
        timezone.now() + timedelta(seconds=overlap_seconds) if overlap_seconds else None
    )
    endpoint.secret = new_secret()
    endpoint.save(update_fields=["secret", "previous_secret", "previous_secret_until"])
    return endpoint


@in_transaction
def delete_endpoint(*, merchant_id: int, livemode: bool, public_id: str) -> WebhookEndpoint:
    """Nothing more is sent to it. Its row and its deliveries stay."""
    endpoint = _locked(merchant_id, livemode, public_id)
    endpoint.state = State.DELETED
    endpoint.save(update_fields=["state"])
    stop_deliveries(endpoint)
    return endpoint


def _locked(merchant_id: int, livemode: bool, public_id: str) -> WebhookEndpoint:
    own = queries.endpoints(merchant_id, livemode=livemode).select_for_update(no_key=True)
    endpoint = own.filter(public_id=public_id).first()
    if endpoint is None:
        raise ResourceMissing("webhook endpoint", public_id, in_path=True)
    return endpoint


def _enable(endpoint: WebhookEndpoint) -> None:
    """Its failures are forgotten: it gets as long as a new one to answer."""
    endpoint.state = State.ENABLED
    endpoint.failing_since = None
    endpoint.disabled_reason = ""
    resolve_alert(
        kind=ENDPOINT_DISABLED, subject=endpoint.public_id, actor="system", reason="It was enabled again."
    )


def stop_deliveries(endpoint: WebhookEndpoint) -> None:
    due = endpoint.deliveries.filter(next_attempt_at__isnull=False)
    due.filter(state=Delivery.State.PENDING).update(
        state=Delivery.State.GIVEN_UP, next_attempt_at=None, last_error=f"the endpoint was {endpoint.state}"
    )
    due.update(next_attempt_at=None)


def _check_events(patterns: Sequence[str]) -> None:
    if not patterns:
        raise InvalidRequest("enabled_events must name at least one event, or *.", param="enabled_events")
    for place, pattern in enumerate(patterns):
        if not is_known(pattern):
            raise InvalidRequest(
                f"Invalid enabled_events[{place}]: {pattern[:100]} is no event that Tollgate emits.",
                param=f"enabled_events[{place}]",
            )
