"""Ties a process to its parent's life, so that a supervisor that is killed leaves nothing behind.

Imported, it gives `die_with_parent()`. Run as a script it is a shim that gives up root where it is told to,
sets the death signal and becomes the command. It needs the standard library only, and starts in milliseconds.
"""

import ctypes
import os
import signal
import struct
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522
CLONE_NEWUSER = 0x10000000
# The id that belongs to nobody on every Linux.
NOBODY = 65534


def die_with_parent(death_signal: int = signal.SIGKILL, *, parent: int | None = None) -> None:
    """Has this process get `death_signal` when its parent ends, or now if `parent` is no longer that.

    Linux only, which ties it to the parent's *thread* that forked: fork from a thread that lasts.
    """
    expected = os.getppid() if parent is None else parent
    _checked(_libc().prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0), "prctl")
    if os.getppid() != expected:
        os.kill(os.getpid(), death_signal)


def die_with_server() -> None:
    """For a server's worker processes under `make run`: they end with the server that forked them."""
    if "TOLLGATE_SUPERVISED" not in os.environ:
        return
    if os.getppid() == 1:
        # The server died while this worker was still importing; nobody is left to serve for.
        os.kill(os.getpid(), signal.SIGKILL)
    die_with_parent()


def main(arguments: list[str]) -> None:
    """PARENT SIGNAL PRIVILEGES COMMAND…; without a command it tells by its exit code whether it could."""
    parent, death_signal, privileges, *command = arguments
    try:
        if privileges == "namespace":
            _enter_user_namespace()
        elif privileges == "nobody":
            _become_nobody()
    except OSError as error:
        sys.exit(f"cannot give up root: {error}")
    # After the change of credentials, never before: the kernel forgets the death signal then.
    die_with_parent(int(death_signal), parent=int(parent))
    # A shell that starts us in the background has SIGINT ignored, and that would be inherited for ever.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if command:
        os.execv(command[0], command)  # noqa: S606  the command is ours, and no shell is wanted


def _enter_user_namespace() -> None:
    """Root outside becomes nobody inside: enough for programs that refuse to run as root, and root's files
    stay theirs."""
    user, group = os.geteuid(), os.getegid()
    _checked(_libc().unshare(CLONE_NEWUSER), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {group} 1")


def _become_nobody() -> None:
    """Where user namespaces are refused (most containers). Keeps the one capability that lets the process
    reach its data folder and program below folders that only root may enter."""
    libc = _libc()
    _checked(libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), "prctl")
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    keep = 1 << CAP_DAC_OVERRIDE
    header = struct.pack("Ii", CAPABILITY_VERSION_3, 0)
    # Without the capability all still works where every folder on the way may be entered by anyone.
    if libc.capset(header, struct.pack("6I", keep, keep, keep, 0, 0, 0)) == 0:
        libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, call: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{call}: {os.strerror(code)}")


if __name__ == "__main__":
    main(sys.argv[1:])
