"""How long keys count is the operator's choice, and never shorter than merchants were promised."""

import os
import subprocess
import sys

import pytest

from gateway.plan import ROOT

SHOW = "from gateway.settings import IDEMPOTENCY_KEEP_HOURS; print(IDEMPOTENCY_KEEP_HOURS)"


@pytest.mark.parametrize(
    ("hours", "shown", "refused"), [("72", "72", ""), ("71", "", "merchants may count on 72")]
)
def test_keys_count_for_three_days_at_least(hours: str, shown: str, refused: str) -> None:
    surroundings = {"PATH": os.environ["PATH"], "TOLLGATE_ENV": "test", "IDEMPOTENCY_KEEP_HOURS": hours}
    ended = subprocess.run(
        [sys.executable, "-c", SHOW], cwd=ROOT, env=surroundings, capture_output=True, text=True, check=False
    )
    assert ended.stdout.strip() == shown
    assert refused in ended.stderr
    assert (ended.returncode != 0) == bool(refused)
