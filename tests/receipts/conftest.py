"""A shop that sends receipts, and a mail server on loopback that does as it is told."""

import asyncio
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from gateway.addresses import free_port
from merchants.auth import Caller, caller_of
from merchants.services import NewMerchant, create_merchant
from payments import routing
from receipts.models import Receipt
from receipts.services.settings import want_receipts
from tests.support.scripted import ScriptedBank, ScriptedVault


class MailServer:
    """Takes all mail, unless `recipient_answer` or `data_answer` say otherwise, or it drops the line after DATA."""

    def __init__(self) -> None:
        self.received: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.recipient_answer = self.data_answer = ""
        self.drops_after_data = 0

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.recipient_answer:
            return self.recipient_answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.data_answer:
            return self.data_answer
        content = envelope.content
        assert isinstance(content, bytes)
        self.received.append(message_from_bytes(content, policy=policy.default))
        self.recipients.extend(envelope.rcpt_tos)
        if self.drops_after_data:
            self.drops_after_data -= 1
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        return "250 OK"


@pytest.fixture
def mail(settings: Any) -> Iterator[MailServer]:
    server = MailServer()
    controller = Controller(server, hostname="127.0.0.1", port=free_port())
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", controller.port
    settings.DEFAULT_FROM_EMAIL = "Receipts <receipts@pay.example.com>"
    yield server
    controller.stop()


@pytest.fixture
def shop(books: Any) -> Iterator[NewMerchant]:
    made = create_merchant("Corner Shop")
    want_receipts(made.merchant.pk, enabled=True, language="en", test_mode=True)
    yield made
    want_receipts(made.merchant.pk, enabled=False, language="en", test_mode=True)
    # What a test leaves undone would be done by the next one.
    Receipt.objects.filter(state="pending").update(state="failed", next_attempt_at=None)


@pytest.fixture
def caller(shop: NewMerchant) -> Caller:
    return caller_of(f"Bearer {shop.keys['sk_test']}")


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch) -> ScriptedBank:
    scripted = ScriptedBank()
    monkeypatch.setattr(routing, "processor", {"sandbox": scripted}.__getitem__)
    monkeypatch.setattr(routing, "vault", ScriptedVault)
    return scripted
