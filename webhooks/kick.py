"""A hint to the relay that events were committed. It costs the caller no network: a thread of the process
sends at most four messages a second. Beat's poll is the guarantee; a lost hint is only a second lost."""

import contextlib
import logging
import os
import threading
import time

from celery import current_app

RELAY = "webhooks.relay"
PAUSE_SECONDS = 0.25
# After a failure the broker is left alone for a while; beat polls meanwhile.
REST_SECONDS = 5.0
# Like beat's: a hint that was not taken by then is worth nothing.
EXPIRES_SECONDS = 5

log = logging.getLogger("tollgate.webhooks")

_away = False


class _Kicker:
    def __init__(self) -> None:
        self.wanted = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def kick(self) -> None:
        if not self.wanted.is_set():
            self.wanted.set()
        if self._thread is None:
            self._start()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="webhooks-kick", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            self.wanted.wait()
            self.wanted.clear()
            time.sleep(PAUSE_SECONDS if hint(RELAY) else REST_SECONDS)


def hint(task: str) -> bool:
    """Asks a worker to run the task now; whether the broker took that. Never raises. That it is away is said once,
    until it is back."""
    global _away
    try:
        current_app.send_task(task, expires=EXPIRES_SECONDS, ignore_result=True, retry=False)
    except Exception as error:  # whatever the broker's client raises: a hint must not hurt
        if not _away:
            log.warning("webhooks wait for beat: the broker can not be reached (%s)", type(error).__name__)
        _away = True
        return False
    _away = False
    return True


_kicker = _Kicker()


def kick() -> None:
    """Call after the commit. Never blocks, never raises."""
    with contextlib.suppress(RuntimeError):  # no thread can be started while the process ends
        _kicker.kick()


def _forget_parents_thread() -> None:
    global _kicker
    _kicker = _Kicker()


# Threads do not survive a fork, and the parent's locks may be held for ever in the child.
os.register_at_fork(after_in_child=_forget_parents_thread)
