"""What processors and banks report, what we make of it line by line, and the breaks that people work off."""

from reconciliation.models.breaks import Break, BreakEntry
from reconciliation.models.files import Match, ReportFile, ReportLine
from reconciliation.models.uploads import Upload

__all__ = ["Break", "BreakEntry", "Match", "ReportFile", "ReportLine", "Upload"]
