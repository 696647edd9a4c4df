"""From which pages a card may come: those that the merchant listed, the gateway's own checkout page, and in test mode
the pages of whoever develops on their own machine. Pure."""

import re
from collections.abc import Collection

# An origin as browsers write it; what is none must not get into a header.
ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)
LOOPBACK = re.compile(r"https?://(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?", re.ASCII)


def may_show_fields(origin: str, listed: Collection[str], *, livemode: bool) -> bool:
    """Whether a page of that origin may frame the card's fields."""
    if not ORIGIN.fullmatch(origin):
        return False
    return origin in listed or (not livemode and bool(LOOPBACK.fullmatch(origin)))


def may_bring_cards(origin: str, listed: Collection[str], *, livemode: bool, own: str) -> bool:
    """Whether a page of that origin may send a card by itself. Where nothing is listed, any may; "" is no page but a
    server; `own` is the vault's, whose fields send it."""
    return not listed or origin in ("", own) or may_show_fields(origin, listed, livemode=livemode)
