"""What there is to try: every point of the write path, at every endpoint or process that passes it, in each way."""

from dataclasses import dataclass
from itertools import product

WAYS = ("kill", "freeze", "delay")
PHASES = (
    "phase_1.before_commit",
    "phase_1.after_commit",
    "processor.after_answer",
    "phase_2.before_commit",
    "phase_2.after_commit",
)
TAKE_OVER = "claim.after_take_over"
REPEATS = (TAKE_OVER, "resume.before_lookup", "resume.after_lookup")
FAIL_OVER = ("fail_over.before_commit", "fail_over.after_commit")
# A payment that nobody is asked for.
BLOCK = ("block.before_commit", "block.after_commit")
# A decision on what is held, and what it leads to.
REVIEW = ("review.before_commit", "review.after_commit")
PLAIN = ("request.before_commit", "request.after_commit")
DISPUTE = (
    "dispute.before_words",
    "dispute.after_words",
    "dispute.after_answer",
    "dispute.before_commit",
    "dispute.after_booked",
)
# What asks a processor; the last word tells two uses of one address apart.
ASKING = (
    "charges",
    "charges.id.capture",
    "payment_intents",
    "payment_intents.id.confirm",
    "payment_intents.id.capture",
    "payment_intents.id.cancel",
    "refunds",
    "checkout.id.pay",
)
# A cardholder's browser that comes back from its bank, and has no key.
CAME_BACK = "pay.return"
PAYING = ("charges", "payment_intents", "payment_intents.id.confirm", "checkout.id.pay")
ANSWERING = ("disputes.id", "disputes.id.close")
CHANGING = (
    "payment_intents",
    "payment_intents.id",
    "payment_intents.id.cancel",
    "charges.id",
    "checkout.sessions",
    "checkout.sessions.id.expire",
    "refunds.id",
    "disputes.id",
    "payouts",
    "payouts.id",
    "payouts.id.cancel",
    "webhook_endpoints",
    "webhook_endpoints.id",
    "webhook_endpoints.id.roll_secret",
    "radar.value_lists",
    "radar.value_lists.id",
    "radar.value_list_items",
)
WORKER = (
    "sweep.after_claim",
    "resume.before_lookup",
    "resume.after_lookup",
    "phase_2.before_commit",
    "phase_2.after_commit",
    "notification.before_applied",
    "learn.after_lookup",
    "learn.before_commit",
    "learn.after_commit",
    "look_after_charges.after_claim",
    "look_after_payouts.after_claim",
    "look_after_disputes.after_claim",
    "dispute.after_answer",
    "dispute.before_commit",
    "dispute.after_booked",
    "schedule.before_commit",
    "relay.before_batch",
    "relay.after_batch",
    "deliver.after_claim",
    "deliver.before_record",
)
VAULT = ("vault.before_send", "vault.after_answer")
# Points that no history passes, and who does.
ELSEWHERE = {
    "webhooks.publish.after_send": "tests/webhooks and tests/kafka: a history has no Kafka",
    "receipts.after_send": "tests/receipts: a history has no mail server",
    **dict.fromkeys(
        ("report.before_commit", "report.after_commit", "report.before_upload_ends"),
        "tests/reconciliation: no story has a report",
    ),
    "look_after_reviews.after_claim": "tests/payments: a review lasts for hours",
    "vault.between_batches": "tests/vault: no story rotates keys",
}
# Endpoints under /v1 that have no story, and why.
WITHOUT_STORY = {
    "payouts.id.reverse": "is always refused, before anything is written",
}


@dataclass(frozen=True, order=True)
class Cell:
    """One point, who passes it, and what happens there."""

    point: str
    at: str
    way: str

    @property
    def name(self) -> str:
        return f"{self.point}@{self.at}"

    def __str__(self) -> str:
        return f"{self.way} at {self.name}"


def every_cell() -> list[Cell]:
    """Neighbours are at different places and hurt in different ways: histories that run side by side don't want the
    same place, nor do they kill all at once."""
    places = [
        *product(PHASES, [*ASKING, CAME_BACK]),
        *product(REPEATS, ASKING),
        *product([TAKE_OVER], ANSWERING),
        *product(FAIL_OVER, PAYING),
        *product(BLOCK, PAYING),
        *product((*REVIEW, *PHASES), ["reviews.id.approve"]),
        *product(PLAIN, CHANGING),
        *product(DISPUTE, ANSWERING),
        *product(WORKER, ["worker"]),
        *product(["notification.after_keeping"], ["notifications.sandbox"]),
        *product(VAULT, ["vault"]),
    ]
    turns = product(range(len(WAYS)), enumerate(sorted(places)))
    return [Cell(point, at, WAYS[(turn + number) % len(WAYS)]) for turn, (number, (point, at)) in turns]
