"""What staff did, saw and changed is written down by whoever keeps the records. This module knows only that somebody
does: the pages of every app tell it here, and the app of the records listens."""

from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import Model
from django.http import HttpRequest

from core.identity import client_address
from core.redaction import redact


@dataclass(frozen=True)
class Deed:
    """`kind` is one of added, changed, removed, saw, signed_in, refused. The names are kept as they are now: what
    they belong to may be called otherwise later."""

    kind: str
    username: str
    user_id: int | None
    address: str | None
    request_id: str
    model: str = ""
    object_id: str = ""
    object_name: str = ""
    summary: str = ""


_keepers: list[Callable[[Deed], None]] = []


def keep_with(keeper: Callable[[Deed], None]) -> None:
    if keeper not in _keepers:
        _keepers.append(keeper)


def note(request: HttpRequest, kind: str, summary: str, row: Model | None = None, username: str = "") -> None:
    """Written in the caller's transaction: what was done and that it was done stand or fall together."""
    user = getattr(request, "user", None)
    known = user is not None and user.is_authenticated
    deed = Deed(
        kind=kind,
        username=username or (user.get_username() if user is not None and known else ""),
        user_id=user.pk if user is not None and known else None,
        address=client_address(request),
        request_id=getattr(request, "request_id", ""),
        model=row._meta.label_lower if row is not None else "",
        object_id=str(row.pk) if row is not None else "",
        object_name=str(row)[:200] if row is not None else "",
        # What was searched for is told, and some search for a card number.
        summary=redact(summary),
    )
    for keep in _keepers:
        keep(deed)
