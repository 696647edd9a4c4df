"""The folder that a running system keeps between starts: its lock, the secrets made at the first start, and
the variables by which a command in another terminal finds it."""

import base64
import fcntl
import json
import os
import secrets
import string
from collections.abc import Callable, Mapping
from pathlib import Path

from gateway.child import CannotStart

BASE62 = string.ascii_letters + string.digits


def private_folder(path: Path) -> Path:
    """Exists afterwards, is ours, and nobody else may look into it."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.is_symlink() or path.stat().st_uid not in (os.getuid(), 65534):
        raise CannotStart(f"The folder {path} belongs to somebody else.")
    path.chmod(0o700)
    return path


def lock(data_dir: Path) -> int:
    """Held as long as the returned descriptor is open, which the end of this process sees to."""
    private_folder(data_dir)
    descriptor = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 20, 0).decode().strip() or "unknown"
        os.close(descriptor)
        raise CannotStart(
            f"{data_dir} is in use by another Tollgate (process {holder}): stop it, or set another DATA_DIR."
        ) from None
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor


def kept_secret(data_dir: Path, name: str, make: Callable[[], str]) -> str:
    """The same at every start: made once, and kept in a file that only its owner reads."""
    path = private_folder(data_dir / "secrets") / name
    if not path.exists():
        write_private(path, make())
    return path.read_text().strip()


def write_private(path: Path, text: str) -> None:
    """All or nothing, also across a power cut, and never readable by others in between."""
    private_folder(path.parent)
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def write_environment(path: Path, values: Mapping[str, str]) -> None:
    write_private(path, "\n".join(f"{name}={value}" for name, value in sorted(values.items())))


def base62(length: int) -> str:
    return "".join(secrets.choice(BASE62) for _ in range(length))


def vault_keys() -> str:
    """A first key file of the vault's: one AES-256 key, version 1."""
    return json.dumps({"current": 1, "keys": {"1": base64.b64encode(secrets.token_bytes(32)).decode()}})
