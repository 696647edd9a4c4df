"""A notification counts only with the processor's signature, and only for some minutes."""

import json
import time
from typing import Any

import pytest
import stripe

from processors.protocol import Notification, NotificationRefused, Processor
from processors.sandbox import SandboxProcessor
from processors.stripe import StripeProcessor
from processors.vault import VaultClient
from tests.processors.conftest import NOTIFICATION_SECRET
from tests.sandbox.bank_process import SandboxBank, new_reference, wait_for
from tests.sandbox.receiver import Receiver

NOW = 1_790_000_000
# No call is made with it.
VAULT = VaultClient("http://127.0.0.1:1", "unused")
INTENT = {"object": "payment_intent", "id": "pi_1", "metadata": {"tollgate_reference": "op_1"}}


def event(about: dict[str, Any]) -> str:
    return json.dumps(
        {"id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "data": {"object": about}}
    )


# Each adapter with a body that it understands, and what that says.
BODIES = {
    "sandbox": json.dumps({"id": "ntf_1", "type": "refund.failed", "reference": "op_1", "created": NOW}),
    "stripe": event(INTENT),
}
SAYS = {
    "sandbox": Notification("ntf_1", "op_1", "refund.failed"),
    "stripe": Notification("evt_1", "op_1", "payment_intent.succeeded"),
}


def adapter(name: str, secret: str = NOTIFICATION_SECRET) -> Processor:
    if name == "sandbox":
        return SandboxProcessor(name=name, vault=VAULT, url="http://bank", notification_secret=secret)
    return StripeProcessor(name=name, vault=VAULT, key="sk_test_1", notification_secret=secret)


def signature(body: str, *, at: int = NOW, secret: str = NOTIFICATION_SECRET) -> str:
    return str(stripe.WebhookSignature.generate_signature_header(body, secret, at))


def read(processor: Processor, body: str | bytes, header: str | None, *, now: float = NOW) -> Notification:
    content = body.encode() if isinstance(body, str) else body
    headers = {} if header is None else {f"{processor.name}-signature": header}
    return processor.read_notification(body=content, headers=headers, now=now)


def test_the_banks_own_notifications_are_understood(
    sandbox: SandboxProcessor, bank: SandboxBank, receiver: Receiver
) -> None:
    reference = new_reference()
    bank.authorize(reference)
    wait_for(lambda: bool(receiver.about(reference)))
    arrived = receiver.about(reference)[0]
    notification = sandbox.read_notification(
        body=arrived.body, headers={"sandbox-signature": arrived.signature}, now=time.time()
    )
    assert (notification.reference, notification.kind) == (reference, "authorization.approved")
    assert notification.id.startswith("ntf_")


@pytest.mark.parametrize("name", BODIES)
class TestSignatures:
    def test_signed_and_recent_is_believed(self, name: str) -> None:
        header = signature(BODIES[name])
        for now in (NOW, NOW + 300, NOW - 300):
            assert read(adapter(name), BODIES[name], header, now=now) == SAYS[name]

    def test_one_of_several_signatures_is_enough(self, name: str) -> None:
        header = signature(BODIES[name]).replace(",v1=", f",v1={'0' * 64},v1=")
        assert read(adapter(name), BODIES[name], header) == SAYS[name]

    @pytest.mark.parametrize("now", [NOW + 301, NOW - 301, NOW + 86_400])
    def test_old_ones_are_refused(self, name: str, now: int) -> None:
        with pytest.raises(NotificationRefused):
            read(adapter(name), BODIES[name], signature(BODIES[name]), now=now)

    def test_another_body_is_refused(self, name: str) -> None:
        with pytest.raises(NotificationRefused):
            read(adapter(name), BODIES[name] + " ", signature(BODIES[name]))

    def test_another_time_than_the_signed_one_is_refused(self, name: str) -> None:
        header = signature(BODIES[name]).replace(f"t={NOW}", f"t={NOW + 1}")
        with pytest.raises(NotificationRefused):
            read(adapter(name), BODIES[name], header)

    @pytest.mark.parametrize(
        ("ours", "theirs"),
        [
            (NOTIFICATION_SECRET, "another"),
            (NOTIFICATION_SECRET, ""),
            ("", ""),
            ("", NOTIFICATION_SECRET),
            (" ", " "),
        ],
    )
    def test_another_secret_and_none_at_all_are_refused(self, name: str, ours: str, theirs: str) -> None:
        with pytest.raises(NotificationRefused):
            read(adapter(name, ours), BODIES[name], signature(BODIES[name], secret=theirs))

    @pytest.mark.parametrize(
        "header",
        [
            None,
            "",
            "v1",
            f"t={NOW}",
            f"t={NOW},v1=",
            f"t={NOW},v1=é",
            f"t={NOW},v0={'0' * 64}",
            f"v1={'0' * 64}",
            f"t=,v1={'0' * 64}",
            f"t=x,v1={'0' * 64}",
            f"t={'9' * 5000},v1={'0' * 64}",
            f"t=-1,t=0,v1={'0' * 64}",
        ],
    )
    def test_a_header_that_is_none_is_refused(self, name: str, header: str | None) -> None:
        with pytest.raises(NotificationRefused):
            read(adapter(name), BODIES[name], header)

    @pytest.mark.parametrize("body", ["", "[]", "null", "{}", '{"id": 1}', "{", '"text"'])
    def test_signed_nonsense_is_refused(self, name: str, body: str) -> None:
        with pytest.raises(NotificationRefused):
            read(adapter(name), body, signature(body))

    def test_bytes_that_are_no_text_are_refused(self, name: str) -> None:
        with pytest.raises(NotificationRefused):
            read(adapter(name), b"\xff\xfe", signature("{}"))


@pytest.mark.parametrize("about", [{"object": "customer", "id": "cus_1"}, INTENT | {"metadata": {}}])
def test_an_event_about_nothing_of_ours_has_no_reference(about: dict[str, Any]) -> None:
    body = event(about)
    assert read(adapter("stripe"), body, signature(body)).reference == ""
