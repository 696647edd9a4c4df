"""Tokens and payment methods, as the vault tells of them; making one is the vault's alone."""

from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import ResourceMissing
from core.params import Params
from payments import routing
from payments.views.base import PaymentView


class _VaultObject(PaymentView):
    """`GET` of what the vault keeps."""

    def get(self, request: Request, public_id: str) -> Response:
        self.read(request, Params)
        found = routing.vault().token(public_id, self.caller.merchant_public_id, self.caller.livemode)
        if found is None or found.object["object"] != self.kind:
            raise ResourceMissing(self.kind, public_id, in_path=True)
        return Response(found.object)


class TokenDetail(_VaultObject):
    kind = "token"
    resource = "tokens"


class PaymentMethodDetail(_VaultObject):
    kind = "payment_method"
    resource = "payment_methods"
