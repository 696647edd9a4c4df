"""The state machines as they are in the code, drawn for docs/states.md in Mermaid, which GitHub and GitLab show."""

from collections.abc import Sequence
from typing import Any

from payments.models import (
    BalanceTransaction,
    Charge,
    CheckoutSession,
    Dispute,
    Operation,
    PaymentIntent,
    Payout,
    Refund,
)
from risk.models import Review

Machine = tuple[Any, str]
MACHINES: list[Machine] = [
    (
        PaymentIntent,
        "What a merchant wants paid, once. A declined attempt leads back to `requires_payment_method`, since "
        "another card may pay; nothing leads out of `succeeded` and `canceled`. While the outcome of an attempt "
        "is unknown the intent is `processing`, and can be neither confirmed, changed nor canceled.",
    ),
    (
        CheckoutSession,
        "A page at which a cardholder pays an intent of its own. It is complete with the payment, in one "
        "transaction, and expires with its intent's cancellation. It has no timeline; its intent's tells.",
    ),
    (
        Charge,
        "One attempt at one processor. Its ends are final: refunded, disputed and paid out are told by rows of "
        "their own. Money that a processor turns out to have taken for a `failed` charge is a charge of its own, "
        "and goes back.",
    ),
    (
        Refund,
        "Money on its way back. `succeeded → failed` is forward too: the cardholder's bank may send it back.",
    ),
    (
        Payout,
        "What a merchant has, on its way to their bank. `paid → failed` is forward: the merchant's bank may send it "
        "back. It can be canceled until its own bank is asked.",
    ),
    (
        BalanceTransaction,
        "What a booking changed in a merchant's balance. It becomes available on its own date, under the lock of the "
        "charge that it comes from. It has no timeline; the ledger tells.",
    ),
    (
        Dispute,
        "A cardholder who asks their own bank for the money, as the processor reports it. An inquiry (`warning_…`) "
        "only asks, and may become a dispute, which takes the money at once. While one needs a response or is under "
        "review, and after it was lost, nothing of the charge can be refunded. News that was missed is made up for "
        "step by step.",
    ),
    (
        Review,
        "A payment that is held until somebody has looked at it. Each of the four ends comes with what follows, in "
        "the same transaction: a capture after `approved`, a void after `rejected`, either of them after `expired`, "
        "as its merchant declared. `closed` is one whose hold was given up.",
    ),
    (
        Operation,
        "One call to a processor, whose reference is the processor's idempotency key. `unknown` is a state with "
        "an owner: the sweeper asks until the processor tells. Nothing leaves the four states at the end.",
    ),
]
HEAD = """# States

Drawn from the code by `manage.py draw_states`; a test holds this page to it. Every step that is not drawn is refused
twice: by the model's method, and by a trigger of PostgreSQL whoever writes. Every step of a payment has its timeline
row in the same transaction.
"""


def page(machines: Sequence[Machine]) -> str:
    """The whole page."""
    return "\n".join(
        [HEAD, *(f"## {model.__name__}\n\n{words}\n\n{drawing(model)}" for model, words in machines)]
    )


def drawing(model: Any) -> str:
    """One machine, its steps in the order of its states."""
    order = {value: number for number, value in enumerate(model.State.values)}
    steps = sorted(
        (order[str(step.source)], order[str(step.target)], step.name)
        for step in model._meta.get_field("state").get_all_transitions(model)
    )
    names = list(order)
    lines = [f"    {names[source]} --> {names[target]}: {name}" for source, target, name in steps]
    moving = {source for source, _, _ in steps}
    ends = [f"    {name} --> [*]" for name, number in order.items() if number not in moving]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, *ends, "```", ""])
