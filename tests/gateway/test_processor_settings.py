"""Which processors the gateway has is said by its environment alone."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from gateway.plan import ROOT

SHOW = "import json; from gateway.settings import PROCESSORS; print(json.dumps(PROCESSORS))"


def processors(**environment: str) -> dict[str, dict[str, Any]]:
    surroundings = {"PATH": os.environ["PATH"], "TOLLGATE_ENV": "test", **environment}
    ended = subprocess.run(
        [sys.executable, "-c", SHOW], cwd=ROOT, env=surroundings, capture_output=True, text=True, check=True
    )
    shown: dict[str, dict[str, Any]] = json.loads(ended.stdout)
    return shown


def test_one_bank_for_test_mode_is_there_in_any_case() -> None:
    assert processors() == {
        "sandbox": {
            "adapter": "processors.sandbox.SandboxProcessor",
            "livemode": False,
            "options": {"url": "http://127.0.0.1:8002", "notification_secret": "sandbox-notifications"},
        }
    }


def test_second_bank_and_stripe_come_with_their_variables_in_order_of_preference() -> None:
    shown = processors(
        SANDBOX_BANK_URL="http://one.example",
        SANDBOX_TWO_BANK_URL="http://two.example",
        SANDBOX_NOTIFY_SECRET="signs",
        STRIPE_PROCESSOR_KEY="sk_test_1",
        STRIPE_PROCESSOR_URL="http://stripe.example",
        STRIPE_PROCESSOR_WEBHOOK_SECRET="whsec_1",
    )
    assert list(shown) == ["sandbox", "sandbox_two", "stripe"]
    assert shown["sandbox"]["options"] == {"url": "http://one.example", "notification_secret": "signs"}
    assert shown["sandbox_two"]["options"] == {"url": "http://two.example", "notification_secret": "signs"}
    assert shown["stripe"]["options"] == {
        "key": "sk_test_1",
        "base_url": "http://stripe.example",
        "notification_secret": "whsec_1",
    }


@pytest.mark.parametrize(
    ("key", "livemode"),
    [("sk_live_1", True), ("rk_live_1", True), ("sk_test_1", False), ("rk_test_1", False)],
)
def test_stripe_serves_the_mode_of_its_key(key: str, livemode: bool) -> None:
    assert processors(STRIPE_PROCESSOR_KEY=key)["stripe"]["livemode"] is livemode


def test_production_trusts_no_secret_that_everybody_knows() -> None:
    long = "a-secret-that-is-long-and-varied-enough-0123456789"
    shown = processors(TOLLGATE_ENV="production", SECRET_KEY=long, VAULT_SHARED_SECRET=long)
    assert shown["sandbox"]["options"]["notification_secret"] == ""
