"""One module per format of report: from bytes to lines, or a refusal with line and reason.
Pure: no database, no Django, no clock."""

from typing import IO

from reconciliation.formats import camt053, sandbox_csv, stripe_csv
from reconciliation.formats.lines import FileRefused, Report

FORMATS: dict[str, type[Report]] = {
    "sandbox": sandbox_csv.SandboxReport,
    "stripe": stripe_csv.StripeReport,
    "camt.053": camt053.BankStatement,
}


def read(format: str, content: IO[bytes]) -> Report:
    """The report, ready to be read line by line; FileRefused for a format that nobody knows."""
    if format not in FORMATS:
        raise FileRefused(f"'{format}' is no format of ours; there are {', '.join(FORMATS)}.")
    return FORMATS[format](content)


__all__ = ["FORMATS", "FileRefused", "Report", "read"]
