"""Asks an adapter for what the gateway would ask it for, with a card of its own each time."""

import dataclasses
from typing import Any

from core.ids import new_id
from processors.protocol import (
    ActionRequired,
    Approved,
    AuthorizationRequest,
    CaptureRequest,
    CompletionRequest,
    NotFound,
    Outcome,
    Processor,
    RefundRequest,
    VoidRequest,
)
from tests.vault.room import Merchant

SECONDS = 10.0
AMOUNT = 10_000
VISA = "4242424242424242"
DECLINED_CARD = "4000000000009995"
CHALLENGED_CARD = "4000002760003184"


class Shop:
    def __init__(self, merchant: Merchant, adapter: Processor) -> None:
        self.merchant = merchant
        self.adapter = adapter

    def order(self, number: str = VISA, **changes: Any) -> AuthorizationRequest:
        order = AuthorizationRequest(
            reference=new_id("op"),
            payment=new_id("pi"),
            amount_minor=AMOUNT,
            currency="usd",
            capture=True,
            token=self.merchant.new_token(number),
            merchant=self.merchant.id,
            livemode=False,
            descriptor="A SHOP",
            return_url="https://shop.example/back",
        )
        return dataclasses.replace(order, **changes)

    def send(self, order: AuthorizationRequest, *, timeout_seconds: float = SECONDS) -> Outcome:
        return self.adapter.authorize(order, timeout_seconds=timeout_seconds)

    def sold(self, number: str = VISA) -> str:
        return self._approved(self.order(number))

    def held(self) -> str:
        return self._approved(self.order(capture=False))

    def challenged(self, order: AuthorizationRequest | None = None) -> ActionRequired:
        outcome = self.send(order or self.order(CHALLENGED_CARD, capture=False))
        assert isinstance(outcome, ActionRequired), outcome
        return outcome

    def complete(self, processor_id: str, reference: str = "") -> Outcome:
        request = CompletionRequest(reference or new_id("op"), processor_id, AMOUNT, "usd")
        return self.adapter.complete(request, timeout_seconds=SECONDS)

    def capture(self, processor_id: str, amount_minor: int = AMOUNT, reference: str = "") -> Outcome:
        request = CaptureRequest(reference or new_id("op"), processor_id, amount_minor, "usd")
        return self.adapter.capture(request, timeout_seconds=SECONDS)

    def void(self, processor_id: str, reference: str = "") -> Outcome:
        request = VoidRequest(reference or new_id("op"), processor_id, AMOUNT, "usd")
        return self.adapter.void(request, timeout_seconds=SECONDS)

    def refund(self, processor_id: str, amount_minor: int = AMOUNT, reference: str = "") -> Outcome:
        request = RefundRequest(reference or new_id("op"), processor_id, amount_minor, "usd")
        return self.adapter.refund(request, timeout_seconds=SECONDS)

    def look_up(self, reference: str) -> Outcome | NotFound:
        return self.adapter.look_up(reference, timeout_seconds=SECONDS)

    def void_by_reference(self, reference: str) -> Outcome:
        return self.adapter.void_by_reference(reference, timeout_seconds=SECONDS)

    def _approved(self, order: AuthorizationRequest) -> str:
        outcome = self.send(order)
        assert isinstance(outcome, Approved), outcome
        return outcome.processor_id
