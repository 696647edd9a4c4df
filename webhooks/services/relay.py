"""Fans events out: from the outbox to one delivery for each endpoint that wants them, and to the event stream
where there is one."""

import time

from django.conf import settings

from core.db import load_statement, run_statement
from core.faults import fault_point

BATCH = 500
# One task's share of a worker's thread. What is left then is taken up by the next poll, a second later.
BUDGET_SECONDS = 20.0

STATEMENT = load_statement("relay.sql")
CLOCK = load_statement("clock.sql")
before_batch = fault_point("relay.before_batch")
after_batch = fault_point("relay.after_batch")


def relay(*, budget_seconds: float = BUDGET_SECONDS) -> int:
    """Empties the outbox; how many deliveries were made. Any number may run at once."""
    run_statement(CLOCK, {})
    end = time.monotonic() + budget_seconds
    values = {"batch": BATCH, "stream": bool(settings.KAFKA_BOOTSTRAP_SERVERS)}
    made: int = 0
    while True:
        before_batch()
        (batch,) = run_statement(STATEMENT, values)
        after_batch()
        made += int(batch.deliveries)
        if batch.events < BATCH or time.monotonic() > end:
            return made
