"""The words of reconciliation: what lines are about, what comparing says, and what may be done about it. Pure."""

from dataclasses import dataclass

LINE_KINDS = [
    ("charge", "Charge"),
    ("refund", "Refund"),
    ("refund_failure", "Refund that came back"),
    ("dispute", "Dispute"),
    ("dispute_reversal", "Dispute won"),
    ("fee", "Fee"),
    ("payout", "Payout to our bank"),
    ("credit", "Bank credit"),
    ("debit", "Bank debit"),
    ("other", "Other"),
]

RESULTS = [
    ("matched", "Matched"),
    ("missing_here", "Missing in our books"),
    ("missing_there", "Missing in the report"),
    ("amount", "Other amount"),
    ("currency", "Other currency"),
    ("fee", "Other fee"),
    ("status", "Other status"),
    ("duplicate", "Reported twice"),
    ("timing", "Not due yet"),
    ("orphan_refund", "Refund nobody asked for"),
    ("orphan_dispute", "Dispute of an unknown charge"),
]
# A break may also come from a bound that a processor's report exceeded, or from news of nothing that we know.
BREAK_KINDS = [*RESULTS[1:], ("bound", "Beyond a limit"), ("unknown_news", "News of something unknown")]


@dataclass(frozen=True, slots=True)
class Advice:
    """What people read beside a break, and the way out that is proposed first."""

    meaning: str
    resolution: str


# What may take two people, as the thresholds name it.
RESOLVING = "resolve_break"
# Who acts where no person does.
RULES = "rule:automatic"

SETTLE = "settle"
WRITE_OFF = "write_off"
NOTHING = "nothing"
RESOLUTIONS = [
    (SETTLE, "Count it against what the processor owes us"),
    (WRITE_OFF, "Bear it, or keep it, as our own loss or gain"),
    (NOTHING, "Book nothing: it is explained"),
]

ADVICE = {
    "missing_here": Advice(
        "The processor reports money that our books do not know. It waits in suspense.", SETTLE
    ),
    "missing_there": Advice(
        "We booked it and the processor has not reported it, although it is due. It still owes it to us.",
        WRITE_OFF,
    ),
    "amount": Advice("Both sides know it, with different amounts. The difference waits in suspense.", SETTLE),
    "currency": Advice(
        "Both sides know it, in different currencies. What came waits in suspense; ours stays owed.", SETTLE
    ),
    "fee": Advice("The processor kept another fee than agreed. The difference waits in suspense.", WRITE_OFF),
    "status": Advice(
        "The processor reports it in a state that ours does not agree with. It waits in suspense.", SETTLE
    ),
    "duplicate": Advice("The same was reported before. The second one waits in suspense.", SETTLE),
    "timing": Advice("One side has it, the other does not yet, and it is not overdue. Wait.", NOTHING),
    "orphan_refund": Advice(
        "The processor gave money back, and nobody here asked for it. It waits in suspense.", SETTLE
    ),
    "orphan_dispute": Advice(
        "The processor took money for a dispute of something we do not know. It waits in suspense.", SETTLE
    ),
    "unknown_news": Advice(
        "A processor notified us of a payment that we don't know, for a day. Nothing was booked.", NOTHING
    ),
    "bound": Advice(
        "A processor reported more than there was: it is booked, and somebody must look.", NOTHING
    ),
}
