"""The running gateway and its merchants: where histories are lived through, and the whole ledger is verified."""

import io
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

import dj_database_url
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from psycopg_pool import PoolTimeout

from merchants.services import create_merchant
from payments.models import Terms
from payments.services.bank_accounts import name_bank_account
from tests.chaos.books import Merchant
from tests.chaos.cells import Cell
from tests.chaos.history import live_through, plan
from tests.chaos.rig import DATABASE, REDIS_DATABASE, Rig, start_rig
from tests.conftest import point_django_at, point_redis_at
from tests.support.servers import Servers
from tests.webhooks.receiver import Receiver
from webhooks.models import WebhookEndpoint

TRIES = 60
WEBS = 6
# The bank pays to the first, and takes payouts to the second in and fails them later.
ACCOUNTS = ("000123456789", "000123456789", "000111111116")


@dataclass(frozen=True)
class Company:
    rig: Rig
    # The merchants' own server, which takes every event.
    receiver: Receiver

    @classmethod
    def open(cls, stack: ExitStack, servers: Servers, *, webs: int = WEBS) -> Self:
        rig = start_rig(stack, servers, webs=webs)
        point_django_at(dj_database_url.parse(servers.application_url(DATABASE)))
        point_redis_at(servers.valkey.url(REDIS_DATABASE))
        return cls(rig, stack.enter_context(Receiver()))

    def live(self, seed: int) -> list[Cell]:
        return live_through(self.rig, self.new_merchant(seed), plan(seed))

    def verify(self) -> list[str]:
        """What verify_ledger finds in all books together."""
        said = io.StringIO()
        for _ in range(TRIES):
            try:
                call_command("verify_ledger", quiet=True, stdout=said)
                return []
            except CommandError as error:
                return [f"{error} {said.getvalue()}"]
            except (OperationalError, PoolTimeout):
                # Another history has just shut PostgreSQL down.
                time.sleep(0.5)
            finally:
                connection.close()
        raise AssertionError("PostgreSQL does not come back")

    def new_merchant(self, seed: int) -> Merchant:
        """Another history may just have shut PostgreSQL down."""
        for _ in range(TRIES):
            try:
                made = create_merchant(f"History {seed}")
                WebhookEndpoint.objects.create(
                    merchant=made.merchant,
                    livemode=False,
                    url=self.receiver.url,
                    enabled_events=["*"],
                )
                name_bank_account(
                    made.merchant,
                    livemode=False,
                    currency="usd",
                    holder="A history",
                    country="US",
                    account_number=ACCOUNTS[seed % len(ACCOUNTS)],
                )
                if "a_payout_on_schedule" in plan(seed).stories:
                    Terms.objects.create(merchant=made.merchant, payout_interval=Terms.Interval.DAILY)
                return Merchant(made.merchant.pk, made.keys["sk_test"])
            except (OperationalError, PoolTimeout):
                time.sleep(0.5)
            finally:
                connection.close()
        raise AssertionError("PostgreSQL does not come back")
