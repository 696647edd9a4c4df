"""What is refused here, in words for the person who asked."""

from core.errors import InvalidRequest


class BreakBusy(InvalidRequest):
    """The break is no longer where the person saw it."""


class SecondPersonNeeded(InvalidRequest):
    """Who proposed it may not approve it."""


class ResolutionUnfit(InvalidRequest):
    """This way out does not fit this break."""
