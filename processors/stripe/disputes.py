"""Disputes at Stripe: what it reports of them, and what we answer. Stripe may forget an idempotency key after a day,
so an answer is given only to a dispute that still wants one; else it says how it stands."""

from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any, TypeVar

import stripe

from processors.protocol import Declined, DisputeOrder, DisputeReport, EvidenceDocument, Unknown
from processors.stripe import answers, calls

R = TypeVar("R")

# So many pages of disputes in a few days are more than anybody has; a limit on everything.
MOST_PAGES = 10
WITH_INTENT = ["payment_intent"]
PURPOSE = "dispute_evidence"
AWAITS = ("needs_response", "warning_needs_response")


def of_intent(sdk: stripe.StripeClient, intent_id: str) -> tuple[DisputeReport, ...] | Unknown:
    wanted: stripe.params.DisputeListParams = {"payment_intent": intent_id, "limit": calls.PAGE}
    return _asked(lambda: _reports(calls.listed(sdk.v1.disputes.list(wanted))))


def one(sdk: stripe.StripeClient, dispute_id: str) -> DisputeReport | Unknown:
    return _asked(lambda: _report(_dispute(sdk, dispute_id)))


def since(sdk: stripe.StripeClient, moment: int) -> tuple[DisputeReport, ...] | Unknown:
    """Those of other systems at the same account too; they name no reference of ours."""

    def read() -> tuple[DisputeReport, ...] | Unknown:
        found: list[dict[str, Any]] = []
        wanted: stripe.params.DisputeListParams = {
            "created": {"gte": moment},
            "limit": calls.PAGE,
            "expand": ["data.payment_intent"],
        }
        for _ in range(MOST_PAGES):
            page = sdk.v1.disputes.list(wanted)
            rows = calls.listed(page)
            found += rows
            if not rows or not calls.data(page).get("has_more"):
                break
            wanted["starting_after"] = str(rows[-1].get("id"))
        # One in a state that is none of ours must not hide the others.
        return tuple(report for row in found if (report := answers.of_dispute(row)))

    return _asked(read)


def submit(sdk: stripe.StripeClient, order: DisputeOrder) -> DisputeReport | Declined | Unknown:
    def send() -> stripe.Dispute:
        evidence: dict[str, Any] = dict(order.evidence)
        for name, document in order.files.items():
            evidence[name] = _upload(sdk, document)
        params: Any = {"evidence": evidence, "submit": True}
        return sdk.v1.disputes.update(order.processor_id, params, {"idempotency_key": order.reference})

    return _answered(sdk, order, send)


def accept(sdk: stripe.StripeClient, order: DisputeOrder) -> DisputeReport | Declined | Unknown:
    def send() -> stripe.Dispute:
        return sdk.v1.disputes.close(order.processor_id, None, {"idempotency_key": order.reference})

    return _answered(sdk, order, send)


def _answered(
    sdk: stripe.StripeClient, order: DisputeOrder, send: Callable[[], stripe.Dispute]
) -> DisputeReport | Declined | Unknown:
    try:
        standing = _dispute(sdk, order.processor_id)
        return _report(calls.data(send()) if standing.get("status") in AWAITS else standing)
    except stripe.InvalidRequestError as error:
        return Declined(str(error.code or error.param or "not_allowed"))
    except stripe.StripeError as error:
        return answers.unsure(error)


def _upload(sdk: stripe.StripeClient, document: EvidenceDocument) -> str:
    """The file's id there. Sent again it is another one, of which the evidence holds the last."""
    made = sdk.v1.files.create({"purpose": PURPOSE, "file": _Upload(document)})
    return str(calls.data(made).get("id"))


class _Upload(BytesIO):
    """As the SDK wants it: something that is read, and has a name."""

    def __init__(self, document: EvidenceDocument) -> None:
        super().__init__(document.content)
        self.name = document.name


def _dispute(sdk: stripe.StripeClient, dispute_id: str) -> dict[str, Any]:
    return calls.data(sdk.v1.disputes.retrieve(dispute_id, {"expand": WITH_INTENT}))


def _asked(read: Callable[[], R]) -> R | Unknown:
    try:
        return read()
    except stripe.StripeError as error:
        return answers.unsure(error)


def _reports(rows: Iterable[dict[str, Any]]) -> tuple[DisputeReport, ...] | Unknown:
    found = [_report(row) for row in rows]
    known = tuple(report for report in found if isinstance(report, DisputeReport))
    return known if len(known) == len(found) else Unknown("a dispute that is not to be understood")


def _report(row: dict[str, Any]) -> DisputeReport | Unknown:
    return answers.of_dispute(row) or Unknown(f"a dispute with status {row.get('status')!r}")
