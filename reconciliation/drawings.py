"""The state machines of reconciliation, for docs/states.md."""

from typing import Any

from reconciliation.models import Break, ReportFile, Upload

MACHINES: list[tuple[Any, str]] = [
    (
        Break,
        "A difference between a report and our books. It is worked off forward and never deleted; each step is in "
        "its history, in the same transaction. Large ones are approved by another person than the one who proposed. "
        "What nobody has approved, and nobody is asked to approve, may be proposed anew.",
    ),
    (ReportFile, "A report that was read and compared whole, and then is booked in portions."),
    (
        Upload,
        "A report that somebody handed in at the console. What was taken in is a report, with the same checksum.",
    ),
]
