"""A small storm; `make storm` is the big one."""

from typing import Any

import pytest

from tests.storm.storm import in_a_storm
from tests.support.servers import Servers


# Leases of the dead end after half a minute, and the broker's client waits longer each time.
@pytest.mark.timeout(400)
def test_kill_9_loses_no_event_and_invents_none(servers: Servers, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        told = in_a_storm(servers, events=300, per_second=40)
    assert told.committed >= 300 and told.rolled_back > 0
    assert told.kills.total() >= 2
    assert told.arrivals >= 2 * told.committed
