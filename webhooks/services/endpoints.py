"""Makes, changes and removes a merchant's endpoints."""

from collections.abc import Sequence

from django.conf import settings
from msgspec import UNSET, UnsetType

from core.db import in_transaction
from core.errors import InvalidRequest, ResourceMissing
from core.params import check_metadata
from merchants.answers import API_VERSION
from merchants.models import Merchant
from webhooks import queries
from webhooks.addresses import check_url
from webhooks.event_types import is_known
from webhooks.models import Delivery, WebhookEndpoint

# Stripe's limit. Each endpoint multiplies a merchant's deliveries.
MAX_ENDPOINTS = 16

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
    if disabled is not UNSET:
        endpoint.state = State.DISABLED if disabled else State.ENABLED
    endpoint.save()
    if endpoint.state == State.DISABLED:
        _stop_deliveries(endpoint)
    return endpoint


@in_transaction
def delete_endpoint(*, merchant_id: int, livemode: bool, public_id: str) -> WebhookEndpoint:
    """Nothing more is sent to it. Its row and its deliveries stay."""
    endpoint = _locked(merchant_id, livemode, public_id)
    endpoint.state = State.DELETED
    endpoint.save(update_fields=["state"])
    _stop_deliveries(endpoint)
    return endpoint


def _locked(merchant_id: int, livemode: bool, public_id: str) -> WebhookEndpoint:
    own = queries.endpoints(merchant_id, livemode=livemode).select_for_update(no_key=True)
    endpoint = own.filter(public_id=public_id).first()
    if endpoint is None:
        raise ResourceMissing("webhook endpoint", public_id, in_path=True)
    return endpoint


def _stop_deliveries(endpoint: WebhookEndpoint) -> None:
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
