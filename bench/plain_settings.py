"""The benchmark's settings for workers that run one task for each delivery, at their best: each process keeps its
connection. Celery closes a pool after every task of a process."""

from bench.settings import *  # noqa: F403
from bench.settings import DATABASES

_default = DATABASES["default"]
_options = {name: value for name, value in _default["OPTIONS"].items() if name != "pool"}  # type: ignore[attr-defined]
DATABASES = {"default": {**_default, "OPTIONS": _options, "CONN_MAX_AGE": None}}
CELERY_DB_REUSE_MAX = 1_000_000
