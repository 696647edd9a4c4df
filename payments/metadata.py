"""How an update changes metadata: keys are added and replaced, and taken away by an empty value. Pure."""

from collections.abc import Mapping

from core.params import check_metadata


def merged(kept: Mapping[str, str], given: Mapping[str, str] | None, *, clear: bool) -> dict[str, str]:
    """The whole new set; `clear` is an empty text in place of the hash. InvalidRequest beyond Stripe's limits."""
    return check_metadata({**({} if clear else kept), **(given or {})})
