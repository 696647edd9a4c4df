"""A scripted bank that reports disputes too: the test says how they stand."""

from dataclasses import replace
from typing import Any

from processors.protocol import Declined, DisputeOrder, DisputeReport, DisputeState, Unknown
from tests.support.scripted import ScriptedBank


class DisputingBank(ScriptedBank):
    """`reports` by the id of the authorization; `answers` are said instead of doing what was ordered."""

    def __init__(self) -> None:
        super().__init__()
        self.reports: dict[str, list[DisputeReport]] = {}
        self.silent = False
        self.answers: list[Declined | Unknown] = []
        self.orders: list[tuple[str, DisputeOrder]] = []

    def dispute(
        self, processor_id: str, state: DisputeState = "needs_response", **more: Any
    ) -> DisputeReport:
        listed = self.reports.setdefault(processor_id, [])
        report = DisputeReport(f"dsp_{processor_id}_{len(listed)}", state, 10_000, "usd", "fraudulent")
        listed.append(replace(report, **{"due_by": 2_000_000_000, **more}))
        return listed[-1]

    def set(self, dispute_id: str, state: DisputeState, **more: Any) -> DisputeReport:
        for listed in self.reports.values():
            for number, report in enumerate(listed):
                if report.processor_id == dispute_id:
                    listed[number] = replace(report, state=state, **more)
                    return listed[number]
        raise AssertionError(f"no dispute {dispute_id}")

    def disputes(self, processor_id: str, *, timeout_seconds: float) -> tuple[DisputeReport, ...] | Unknown:
        return Unknown("silent") if self.silent else tuple(self.reports.get(processor_id, []))

    def look_up_dispute(self, dispute_id: str, *, timeout_seconds: float) -> DisputeReport | Unknown:
        found = [
            each for listed in self.reports.values() for each in listed if each.processor_id == dispute_id
        ]
        return Unknown("silent") if self.silent or not found else found[0]

    def recent_disputes(self, since: int, *, timeout_seconds: float) -> tuple[DisputeReport, ...] | Unknown:
        """Each of an authorization that this bank made of one of our references."""
        found = (
            replace(report, reference=processor_id.removeprefix("auth_"))
            for processor_id, listed in self.reports.items()
            for report in listed
        )
        return Unknown("silent") if self.silent else tuple(found)

    def submit_evidence(
        self, order: DisputeOrder, *, timeout_seconds: float
    ) -> DisputeReport | Declined | Unknown:
        self.orders.append(("submit", order))
        return (
            self.answers.pop(0)
            if self.answers
            else self.set(order.processor_id, "under_review", submissions=1)
        )

    def accept_dispute(
        self, order: DisputeOrder, *, timeout_seconds: float
    ) -> DisputeReport | Declined | Unknown:
        self.orders.append(("accept", order))
        return self.answers.pop(0) if self.answers else self.set(order.processor_id, "lost")
