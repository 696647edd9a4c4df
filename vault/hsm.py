"""Master keys that stay in a hardware security module: what they wrap goes in and out through PKCS#11."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import pkcs11
from django.conf import settings
from django.db import connection
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11 import exceptions as pkcs11_errors
from pkcs11.mechanisms import GCMParams

from core.environment import optional_secret
from core.errors import Overtaken
from vault.errors import HsmUnavailable, Unreadable

NONCE_BYTES = 12
TAG_BITS = 128
# Longer than any answer of an HSM that lives. Who waits longer for others' calls stands behind one that hangs.
WAIT_SECONDS = 5
PIN_REFUSED = (
    pkcs11_errors.PinExpired,
    pkcs11_errors.PinIncorrect,
    pkcs11_errors.PinInvalid,
    pkcs11_errors.PinLenRange,
    pkcs11_errors.PinLocked,
)


class AesKey(Protocol):
    """A key in the HSM as python-pkcs11 gives it, which adds what it can do as it finds it."""

    def __getitem__(self, attribute: Attribute) -> Any: ...
    def encrypt(self, plain: bytes, *, mechanism: Mechanism, mechanism_param: GCMParams) -> bytes: ...
    def decrypt(self, sealed: bytes, *, mechanism: Mechanism, mechanism_param: GCMParams) -> bytes: ...


@dataclass(frozen=True)
class HsmKey:
    """An AES-256 key by its label. It encrypts with AES-GCM; what it wraps is bound to its purpose and place."""

    label: str
    remote = True

    def wrap(self, plain: bytes, *, purpose: str, bound_to: str) -> bytes:
        """HsmUnavailable."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + _line.call(
            self.label, lambda key: _encrypt(key, plain, _gcm(nonce, purpose, bound_to))
        )

    def unwrap(self, sealed: bytes, *, purpose: str, bound_to: str) -> bytes:
        """HsmUnavailable; Unreadable where the HSM works and refuses this."""
        nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        if len(rest) < TAG_BITS // 8:
            raise Unreadable("A ciphertext is cut short.")
        gcm = _gcm(nonce, purpose, bound_to)

        def open_it(key: AesKey) -> bytes:
            try:
                return key.decrypt(rest, mechanism=Mechanism.AES_GCM, mechanism_param=gcm)
            except pkcs11.PKCS11Error:
                # Modules say "general error" both for a wrong tag and for a token that is gone.
                _encrypt(key, b"is it there?", _gcm(os.urandom(NONCE_BYTES), "probe", ""))
                raise Unreadable("The HSM does not open a ciphertext that was found here.") from None

        return _line.call(self.label, open_it)


def make_key(label: str) -> None:
    """A fresh key that can't leave the HSM and does nothing else. HsmUnavailable, also where the label is taken."""
    _line.make_key(label)


class _Line:
    """This process's session with the HSM, one call at a time; logged in anew after whatever broke it. A refused PIN
    is not tried again, for HSMs lock themselves after a few."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._session: pkcs11.Session | None = None
        self._keys: dict[str, AesKey] = {}
        self._refused_pin = ""

    def call(self, label: str, operation: Callable[[AesKey], bytes]) -> bytes:
        """Made a second time over a new session where the first is broken: nothing in the HSM is changed by it."""
        if connection.in_atomic_block:
            raise Overtaken  # whoever holds rows looks first whether the key is at hand, and then begins again
        return self._locked(lambda: operation(self._key(label)))

    def make_key(self, label: str) -> None:
        self._locked(lambda: self._make_key(label))

    def _locked(self, work: Callable[[], bytes]) -> bytes:
        if not self._lock.acquire(timeout=WAIT_SECONDS):
            raise HsmUnavailable("it does not answer")
        try:
            try:
                return work()
            except pkcs11.PKCS11Error:
                self._hang_up()
            return work()
        except RuntimeError as error:  # of PKCS#11, and of a module that can't be loaded
            self._hang_up()
            raise HsmUnavailable(type(error).__name__) from None
        finally:
            self._lock.release()

    def _key(self, label: str) -> AesKey:
        if label not in self._keys:
            self._keys[label] = _find(self._open(), label)
        return self._keys[label]

    def _make_key(self, label: str) -> bytes:
        session = self._open(writing=True)
        if any(session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: label})):
            raise HsmUnavailable(f"it has a key {label!r} already")
        session.generate_key(
            KeyType.AES,
            256,
            label=label,
            store=True,
            capabilities=MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT,
            template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
        )
        return b""

    def _open(self, *, writing: bool = False) -> pkcs11.Session:
        if self._session is None:
            pin = _pin()
            if pin == self._refused_pin:
                raise HsmUnavailable("it refused the PIN, which is not tried again")
            if not Path(settings.VAULT_PKCS11_MODULE).is_file():
                raise HsmUnavailable("VAULT_PKCS11_MODULE names no file")
            token = pkcs11.lib(settings.VAULT_PKCS11_MODULE).get_token(
                token_label=settings.VAULT_PKCS11_TOKEN
            )
            try:
                self._session = token.open(rw=writing, user_pin=pin)
            except PIN_REFUSED as error:
                self._refused_pin = pin
                raise HsmUnavailable(f"it refused the PIN ({type(error).__name__})") from None
        return self._session

    def _hang_up(self) -> None:
        """The module forgets everything, sessions of a token that is gone included."""
        self._session, self._keys = None, {}
        try:
            if Path(settings.VAULT_PKCS11_MODULE).is_file():
                pkcs11.lib(settings.VAULT_PKCS11_MODULE).finalize()
        except RuntimeError:
            return  # it was not there, which is why we are here


_line = _Line()


def _find(session: pkcs11.Session, label: str) -> AesKey:
    try:
        found = session.get_key(object_class=ObjectClass.SECRET_KEY, key_type=KeyType.AES, label=label)
    except pkcs11.NoSuchKey:
        raise HsmUnavailable(f"it has no AES key {label!r}") from None
    except pkcs11.MultipleObjectsReturned:
        raise HsmUnavailable(f"it has several keys {label!r}") from None
    key = cast(AesKey, found)
    if key[Attribute.EXTRACTABLE] or not key[Attribute.SENSITIVE]:
        raise HsmUnavailable(f"its key {label!r} could leave it: make one with make-hsm-key")
    return key


def _encrypt(key: AesKey, plain: bytes, gcm: GCMParams) -> bytes:
    return key.encrypt(plain, mechanism=Mechanism.AES_GCM, mechanism_param=gcm)


def _gcm(nonce: bytes, purpose: str, bound_to: str) -> GCMParams:
    return GCMParams(nonce, f"tollgate vault: {purpose}\n{bound_to}".encode(), TAG_BITS)


def _pin() -> str:
    """Read at each login: a corrected file is taken up without a restart."""
    try:
        pin = optional_secret("VAULT_PKCS11_PIN", os.environ)
    except OSError:
        raise HsmUnavailable("the file that VAULT_PKCS11_PIN_FILE names can't be read") from None
    if not pin:
        raise HsmUnavailable("VAULT_PKCS11_PIN is not set")
    return pin
