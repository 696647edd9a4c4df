"""What the endpoints of payments have in common."""

import hmac
from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

import msgspec
from django.db import OperationalError
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import ResourceMissing, ServiceUnavailable
from core.listing import ListParams
from core.params import Params
from core.search import SearchParams
from idempotency.keys import Key
from merchants.api import MerchantView, SecretKeyRequired, parameters
from payments.expansion import check_paths, expand
from payments.models import PaymentIntent

P = TypeVar("P", bound=Params)


class PaymentView(MerchantView):
    """An endpoint that answers with objects of one kind, and expands in them what the client asks for."""

    kind: ClassVar[str]
    paths: Sequence[str] = ()

    def read(self, request: Request, shape: type[P]) -> P:
        asked = super().read(request, shape)
        check_paths(self.kind, asked.expand, listed=isinstance(asked, ListParams | SearchParams))
        self.paths = asked.expand
        return asked

    def given(self, request: Request) -> dict[str, Any]:
        """The parameters as they came: only they tell an empty text, which unsets, from one left out."""
        return parameters(request._request)

    def key(self, request: Request) -> Key | None:
        """For what moves no money: a client may leave it out."""
        known: Key | None = request._request.idempotency_key  # type: ignore[attr-defined]
        return known

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """What is kept under a key stays as it is; only what is shown grows."""
        if self.paths and response.status_code == 200:
            if isinstance(response, Response):
                response.data = self._expanded(response.data)
            else:
                response.content = msgspec.json.encode(self._expanded(msgspec.json.decode(response.content)))
        return super().finalize_response(request, response, *args, **kwargs)

    def _expanded(self, shown: dict[str, Any]) -> dict[str, Any]:
        """As far as the database answers: what was done was done, so it is shown with its ids at least."""
        try:
            return expand(shown, self.paths, self.caller)
        except (OperationalError, ServiceUnavailable):
            return shown


class IntentView(PaymentView):
    """An endpoint of an intent that a browser may use too: with a publishable key and the intent's own secret."""

    kind = "payment_intent"
    publishable_allowed = True

    def check_owner(self, found: PaymentIntent, client_secret: str | None) -> None:
        """ResourceMissing, as for any other's intent, where the client secret is not this one's."""
        if self.caller.secret and client_secret is None:
            return
        known = found.client_secret
        if not known or not hmac.compare_digest(known.encode(), (client_secret or "").encode()):
            raise ResourceMissing("payment_intent", found.public_id, param="intent", in_path=True)

    def secret_key_only(self) -> None:
        if not self.caller.secret:
            raise SecretKeyRequired
