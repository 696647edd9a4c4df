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
REPEATS = ("claim.after_take_over", "resume.before_lookup", "resume.after_lookup")
FAIL_OVER = ("fail_over.before_commit", "fail_over.after_commit")
PLAIN = ("request.before_commit", "request.after_commit")
# What asks a processor; the last word tells two uses of one address apart.
ASKING = (
    "charges",
    "charges.id.capture",
    "payment_intents",
    "payment_intents.id.confirm",
    "payment_intents.id.capture",
    "payment_intents.id.cancel",
    "refunds",
)
PAYING = ("charges", "payment_intents", "payment_intents.id.confirm")
CHANGING = (
    "payment_intents",
    "payment_intents.id",
    "payment_intents.id.cancel",
    "charges.id",
    "refunds.id",
    "webhook_endpoints",
    "webhook_endpoints.id",
)
WORKER = (
    "sweep.after_claim",
    "resume.before_lookup",
    "resume.after_lookup",
    "phase_2.before_commit",
    "phase_2.after_commit",
    "notification.before_applied",
    "relay.before_batch",
    "relay.after_batch",
    "deliver.after_claim",
    "deliver.before_record",
)
VAULT = ("vault.before_send", "vault.after_answer")


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
    places = [
        *product(PHASES, ASKING),
        *product(REPEATS, ASKING),
        *product(FAIL_OVER, PAYING),
        *product(PLAIN, CHANGING),
        *product(WORKER, ["worker"]),
        *product(["notification.after_keeping"], ["notifications.sandbox"]),
        *product(VAULT, ["vault"]),
    ]
    return sorted(Cell(point, at, way) for (point, at), way in product(places, WAYS))
