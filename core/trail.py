"""The trail of a piece of work: the id of the request that led to it and what else is known of it, on every line of
the log and on every call that leaves the process."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

# By this name an edge tells us an id, and we tell it whomever we call.
HEADER = "X-Request-Id"
# As long as our tables hold; nothing that could break a line or a header.
SHAPE = re.compile(r"[A-Za-z0-9_.:-]{1,40}")

_facts: ContextVar[dict[str, Any] | None] = ContextVar("facts", default=None)


@contextmanager
def follow(request_id: str, **facts: Any) -> Iterator[None]:
    """What the block does is for that request. Of two, the inner one counts."""
    token = _facts.set({"request_id": request_id, **facts} if request_id else facts)
    try:
        yield
    finally:
        _facts.reset(token)


def note(**facts: Any) -> None:
    """Adds to what is known of the work, for the lines still to come. Without effect where nothing is followed."""
    known = _facts.get()
    if known is not None:
        known.update(facts)


def known_facts() -> Mapping[str, Any]:
    return _facts.get() or {}


def request_id() -> str:
    """ "" where no request led to what happens."""
    return str(known_facts().get("request_id", ""))
