"""How our processes write their logs: a line a record, JSON or readable, with the facts of the work that it was
written for, and redacted here and nowhere else. Records of the standard library take the same way."""

import logging
import os
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, cast

import msgspec
import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

from core.redaction import redact_values
from core.trail import known_facts

STDERR = 2
FORMATS = ("json", "text")
# Tells of an error: its traceback, or less where a traceback could show what it must not.
Teller = Callable[[BaseException], str]

log = logging.getLogger("tollgate")


class _Line:
    """Writes whole lines, each with one call, so that the lines of several processes never mix. A reader that went
    away is no reason to fail a payment."""

    def __init__(self, name: str) -> None:
        self.name = name

    def msg(self, line: bytes) -> None:
        try:
            os.write(STDERR, line + b"\n")
        except OSError:
            return

    log = debug = info = warn = warning = error = critical = exception = fatal = msg


def logger(name: str) -> Any:
    """For lines that carry facts: `logger("tollgate.web").info("request", status=200)`."""
    return structlog.get_logger(name)


def set_up(*, form: str, level: str, tell: Teller | None = None) -> dict[str, Any]:
    """Sets up this process's log; what it returns is Django's LOGGING. `tell` is for errors, in the place of their
    tracebacks."""
    if form not in FORMATS:
        raise SystemExit(f"LOG_FORMAT is one of {', '.join(FORMATS)}, not {form!r}.")
    if level not in logging.getLevelNamesMapping():
        raise SystemExit(f"LOG_LEVEL is a level such as INFO or WARNING, not {level!r}.")
    begin: list[Processor] = [
        _add_facts,
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _exceptions(tell),
    ]
    end: list[Processor] = [_redacted, _json if form == "json" else _text()]
    structlog.configure(
        processors=[*begin, *end, _encoded],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_Line,
        cache_logger_on_first_use=True,
    )
    _tell_of_the_unforeseen()
    formatter = {
        "()": ProcessorFormatter,
        "foreign_pre_chain": begin,
        "processors": [ProcessorFormatter.remove_processors_meta, *end],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        # A client's 4xx is the client's news, not ours; and polls by the second are no news at all.
        "loggers": {"django.request": {"level": "ERROR"}, "celery": {"level": "WARNING"}},
        "root": {"handlers": ["stderr"], "level": level},
    }


def _add_facts(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    for name, fact in known_facts().items():
        event.setdefault(name, fact)
    return event


def _redacted(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return cast(EventDict, redact_values(event))


def _json(_: WrappedLogger, __: str, event: EventDict) -> str:
    return msgspec.json.encode(event).decode()


def _text() -> Processor:
    return structlog.dev.ConsoleRenderer(
        colors=False, pad_event_to=0, sort_keys=False, exception_formatter=structlog.dev.plain_traceback
    )


def _exceptions(tell: Teller | None) -> Processor:
    if tell is None:
        return structlog.processors.ExceptionRenderer()
    return structlog.processors.ExceptionRenderer(lambda info: tell(info[1]))


def _encoded(_: WrappedLogger, __: str, line: Any) -> bytes:
    return str(line).encode(errors="replace")


def _tell_of_the_unforeseen() -> None:
    """What nobody caught ends in the log as well, not on the terminal as it is."""

    def of_process(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            log.critical("ended by an error", exc_info=(kind, error, trace))

    def of_thread(told: threading.ExceptHookArgs) -> None:
        if told.exc_value is not None:
            log.error(
                "a thread ended by an error", exc_info=(told.exc_type, told.exc_value, told.exc_traceback)
            )

    sys.excepthook = of_process
    threading.excepthook = of_thread
