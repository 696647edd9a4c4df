"""The challenges of 3-D Secure: the cardholder's one answer, and what becomes of the money with it, at once."""

import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass

from sandbox import answers, bank
from sandbox.bank import Authorization
from sandbox.settlement import Settlements
from sandbox.store import Challenge, Store

# Letters among the digits: an id must not look like a card number to whoever redacts those.
ALPHABET = string.ascii_lowercase + string.digits
# What is announced, and the caller's reference that it is about.
Announce = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Scene:
    """One challenge as its page shows it."""

    challenge: Challenge
    authorization: Authorization

    @property
    def state(self) -> str:
        """open | succeeded | failed | voided"""
        return STATES[self.authorization.state]


STATES = {"action_required": "open", "approved": "succeeded", "declined": "failed", "voided": "voided"}


class Challenges:
    def __init__(self, store: Store, announce: Announce) -> None:
        self._store = store
        self._announce = announce
        self._settlements = Settlements(store)

    def scene(self, authorization_id: str) -> Scene | None:
        challenge = self._store.challenge(authorization_id)
        authorization = self._store.authorization(authorization_id)
        return Scene(challenge, authorization) if challenge and authorization else None

    def answer(self, authorization_id: str, *, succeeded: bool) -> Scene | None:
        """The first answer to an open challenge counts: the authorization is done, or declined, and its stored
        answer says so from now on. Any other changes nothing."""
        with self._store.transaction():
            scene = self.scene(authorization_id)
            if scene is None:
                return None
            after = bank.authenticate(
                scene.authorization, succeeded=succeeded, capture=scene.challenge.capture
            )
            if after is None:
                return scene
            self._write(after, succeeded=succeeded)
            return Scene(scene.challenge, after)

    def _write(self, after: Authorization, *, succeeded: bool) -> None:
        operation = self._store.operation(after.reference)
        assert operation is not None
        if succeeded:
            said = answers.authenticated(operation.answer, after, new_codes())
        else:
            said = answers.challenge_ended(operation.answer, bank.AUTHENTICATION_FAILED)
        self._store.save_authorization(after)
        self._store.replace_answer(after.reference, said, approved=succeeded)
        self._settlements.record(said)
        self._announce(f"challenge.{'succeeded' if succeeded else 'failed'}", after.reference)


def new_codes() -> tuple[str, str]:
    """An authorization code and a network's transaction id."""
    return f"{secrets.randbelow(10**6):06}", random_text(15).upper()


def random_text(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
