"""One answer per idempotency key. What was asked is kept as a keyed digest, and of the security code not even
that: while the code itself is still in Redis, a repeated request is compared with it there."""

import copy
import hmac
from dataclasses import dataclass, field
from typing import Any

from vault.auth import Caller
from vault.cvc_store import find_cvc
from vault.errors import KeyReusedDifferently
from vault.fingerprints import key_digest, parameters_digest
from vault.models import Answer, Decryption


@dataclass(frozen=True)
class Asked:
    """A request as far as its repetition must equal it."""

    digest: str
    cvc: str | None = field(repr=False)


@dataclass(frozen=True)
class Given:
    """An answer's JSON, and whether it was given before."""

    body: str
    replayed: bool


def asked(path: str, parameters: dict[str, Any]) -> Asked:
    """`parameters` as they came."""
    kept = copy.deepcopy(parameters)
    card = kept.get("card")
    cvc = card.get("cvc") if isinstance(card, dict) else None
    if cvc:
        kept["card"]["cvc"] = "given"
    return Asked(parameters_digest(path, kept), str(cvc) if cvc else None)


def find_answer(caller: Caller, request: Asked) -> Given | None:
    """The answer that the caller's key already has; None for a fresh key, or no key."""
    if not caller.idempotency_key:
        return None
    known = Answer.objects.filter(
        merchant=caller.merchant, livemode=caller.livemode, key_digest=key_digest(caller.idempotency_key)
    ).first()
    if known is None:
        return None
    if not hmac.compare_digest(known.parameters_digest, request.digest) or _other_cvc(known, request):
        raise KeyReusedDifferently(caller.idempotency_key)
    return Given(known.body, replayed=True)


def _other_cvc(known: Answer, request: Asked) -> bool:
    if not request.cvc:
        return False
    Decryption.objects.create(
        merchant=known.merchant,
        livemode=known.livemode,
        card_public_id=known.card_public_id,
        purpose="code_compared",
        reference=known.card_public_id,
    )
    kept = find_cvc(known.card_public_id)
    return kept is not None and kept != request.cvc
