"""The gateway's settings for tests. The servers' addresses come later, from the fixtures that start them."""

import os

os.environ["TOLLGATE_ENV"] = "test"
os.environ.setdefault("DATABASE_POOL_SIZE", "8")
# Of people who are logged in by the test itself; test_second_factor.py has a console that requires it.
os.environ.setdefault("SECOND_FACTOR", "off")
# A machine under load must not turn verdicts into faults; what is tested of time sets its own.
os.environ.setdefault("RISK_BUDGET_SECONDS", "10")
# As for the real processes beside them (tests/support/servers.py).
os.environ.setdefault("RATE_LIMIT_KEY", "1000000/s")
os.environ.setdefault("RATE_LIMIT_BROWSER", "1000000/s")
os.environ.setdefault("RATE_LIMIT_WRONG_KEYS", "1000000/s")

from gateway.settings import *  # noqa: F403
