"""The gateway's settings for tests. The servers' addresses come later, from the fixtures that start them."""

import os

os.environ["TOLLGATE_ENV"] = "test"
os.environ.setdefault("DATABASE_POOL_SIZE", "8")

from gateway.settings import *  # noqa: F403
