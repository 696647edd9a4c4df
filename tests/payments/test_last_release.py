"""Rows of releases before, brought forward by the migrations as they come: nothing is lost, and all of it goes on."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dj_database_url
import psycopg
import pytest
from django.conf import settings
from psycopg import sql

from idempotency.keys import Key
from ledger.checks import registered, title
from merchants.auth import staff_caller
from merchants.models import Merchant
from payments.models import BalanceTransaction, Charge, FeePlan, Terms
from payments.services.available import make_available
from payments.services.capture import capture_charge
from payments.services.fee_plans import set_fee_plan
from payments.services.payout import NewPayout, create_payout
from payments.services.refund import NewRefund, create_refund
from tests.conftest import point_django_at
from tests.payments.balances import balances
from tests.support.scripted import ScriptedBank
from tests.support.servers import GATEWAY, Servers, migrate

NAME = "payments_of_releases_before"
# What a row that leaves a column out says, by the column's type.
FILLING = {
    "text": "",
    "character varying": "",
    "boolean": False,
    "jsonb": "{}",
    "integer": 0,
    "smallint": 0,
    "bigint": 0,
}
REQUIRED = """
    SELECT column_name, data_type FROM information_schema.columns
    WHERE table_name = %s AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO'
"""
BOOK = """
    WITH header AS (
        INSERT INTO ledger_transaction (reference, kind, livemode, merchant_id, occurred_at)
        VALUES (%s, %s, false, %s, now()) RETURNING id
    )
    INSERT INTO ledger_entry (transaction_id, account_id, currency, amount_minor)
    SELECT header.id, line.account, 'usd', line.amount
    FROM header, unnest(%s::bigint[], %s::bigint[]) AS line (account, amount)
"""


@dataclass
class Past:
    """A database as it was, written to without the services, which are today's."""

    raw: psycopg.Connection

    def row(self, table: str, **values: Any) -> int:
        for column, kind in self.raw.execute(REQUIRED, [table]).fetchall():
            values.setdefault(column, FILLING.get(kind, "2026-01-01T00:00Z"))
        values = {
            name: json.dumps(value) if isinstance(value, dict) else value for name, value in values.items()
        }
        insert = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING id").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(sql.Placeholder() * len(values)),
        )
        self.raw.execute("SET session_replication_role = replica")
        (key,) = self.raw.execute(insert, list(values.values())).fetchone()  # type: ignore[misc]
        self.raw.execute("SET session_replication_role = origin")
        return int(key)

    def book(self, reference: str, kind: str, merchant: int, lines: dict[str, int]) -> None:
        accounts = []
        for address in lines:
            owner = merchant if address.startswith("merchant:") else None
            self.raw.execute(
                "INSERT INTO ledger_account (address, currency, livemode, merchant_id) "
                "VALUES (%s, 'usd', false, %s) ON CONFLICT DO NOTHING",
                [address, owner],
            )
            found = self.raw.execute("SELECT id FROM ledger_account WHERE address = %s", [address]).fetchone()
            assert found is not None
            accounts.append(found[0])
        self.raw.execute(BOOK, [reference, kind, merchant, accounts, list(lines.values())])

    def charge(self, merchant: int, name: str, state: str, **values: Any) -> int:
        own = {"merchant_id": merchant, "livemode": False, "currency": "usd"}
        intent_state = {"captured": "succeeded", "authorized": "requires_capture"}[state]
        money = {"amount_minor": values.pop("amount_minor")}
        intent = self.row(
            "payments_paymentintent",
            public_id=f"pi_{name}",
            state=intent_state,
            implicit=True,
            capture_method="automatic" if state == "captured" else "manual",
            **own,
            **money,
        )
        charge = self.row(
            "payments_charge",
            public_id=f"ch_{name}",
            payment_intent_id=intent,
            state=state,
            processor="sandbox",
            processor_id=f"auth_{name}",
            card_brand="visa",
            card_country="US",
            **own,
            **money,
            **values,
        )
        self.row(
            "payments_timelineentry",
            payment_intent_id=intent,
            charge_id=charge,
            merchant_id=merchant,
            livemode=False,
            kind=f"charge.{state}",
            intent_state=intent_state,
            charge_state=state,
        )
        return charge


def sold(past: Past, merchant: int, acct: str, name: str, **balance: Any) -> int:
    """A sale of 100.00 with a fee of 1.60."""
    charge = past.charge(
        merchant,
        name,
        "captured",
        amount_minor=10_000,
        captured_minor=10_000,
        fee_minor=160,
        balance_transaction=f"txn_{name}",
    )
    past.row(
        "payments_balancetransaction",
        public_id=f"txn_{name}",
        merchant_id=merchant,
        livemode=False,
        type="charge",
        source=f"ch_{name}",
        amount_minor=10_000,
        fee_minor=160,
        currency="usd",
        ledger_reference=f"op_{name}:finish",
        **balance | ({"charge_id": charge} if balance else {}),
    )
    account = balance.get("state", "pending")
    past.book(
        f"op_{name}:finish",
        "sale_confirmed",
        merchant,
        {"processor:sandbox:clearing": 10_000, f"merchant:{acct}:{account}": -9_840, "fees:earned": -160},
    )
    return charge


def before_payouts(past: Past) -> None:
    """The release whose money was pending for ever: a sale, a part of it refunded, a hold, and two merchants."""
    shop = past.row(
        "merchants_merchant", public_id="acct_own", name="Own fees", fee_basis_points=150, fee_fixed_minor=10,
        settlement_days=2,
    )  # fmt: skip
    past.row(
        "merchants_merchant", public_id="acct_std", name="Standard", fee_basis_points=290, fee_fixed_minor=30,
        settlement_days=2,
    )  # fmt: skip
    charge = sold(past, shop, "acct_own", "sold")
    own = {"merchant_id": shop, "livemode": False, "currency": "usd", "amount_minor": 4_000}
    past.row(
        "payments_refund",
        public_id="re_part",
        charge_id=charge,
        payment_intent_id=1,
        state="succeeded",
        balance_transaction="txn_part",
        **own,
    )
    past.row(
        "payments_balancetransaction",
        public_id="txn_part",
        type="refund",
        source="re_part",
        ledger_reference="op_part:finish",
        **own | {"amount_minor": -4_000},
    )
    past.book(
        "op_part:finish",
        "refund_confirmed",
        shop,
        {"merchant:acct_own:pending": 4_000, "processor:sandbox:clearing": -4_000},
    )
    until = "2099-01-01T00:00Z"
    past.charge(
        shop, "held", "authorized", amount_minor=5_000, capture_before=until, next_look_at=until, source="tok_visa"
    )  # fmt: skip


def before_plans(past: Past) -> None:
    """The release with payouts, and fees in the merchant's row."""
    shop = 1
    sold(past, shop, "acct_own", "available", state="available")
    past.row(
        "payments_bankaccount", public_id="ba_1", merchant_id=shop, livemode=False, currency="usd", country="US",
        holder="A shop", account_number="000123456789", removed_at=None,
    )  # fmt: skip
    past.row(
        "payments_terms", merchant_id=shop, payout_interval="daily", payout_day=1, payout_minimum_minor=500
    )


@pytest.fixture(scope="module")
def upgraded(servers: Servers, django_db_blocker: Any) -> Iterator[None]:
    servers.new_database(NAME)
    environment = servers.gateway_environment(NAME) | {"DATABASE_URL": servers.owner_url(NAME)}
    kept = dict(settings.DATABASES["default"])
    try:
        for state, write in (("0007_lean_guards", before_payouts), ("0014_dispute_claims", before_plans)):
            migrate(["manage.py"], environment, GATEWAY.application, "payments", state)
            with servers.superuser(NAME) as raw:
                write(Past(raw))
        migrate(["manage.py"], environment, GATEWAY.application)
        with django_db_blocker.unblock():
            point_django_at(dj_database_url.parse(servers.application_url(NAME)))
            yield
            point_django_at(kept)
    finally:
        servers.drop_database(NAME)


def test_what_was_there_is_there_and_goes_on(upgraded: None, bank: ScriptedBank) -> None:
    shop, standard = (Merchant.objects.get(public_id=name) for name in ("acct_own", "acct_std"))
    rules = {plan.merchant: (plan.version, plan.rules) for plan in FeePlan.objects.all()}
    assert rules == {
        None: (1, [{"share_millionths": 29_000, "fixed_minor": 30}]),
        shop: (1, [{"share_millionths": 15_000, "fixed_minor": 10}]),
    }
    assert not FeePlan.objects.filter(merchant=standard).exists()
    agreed = Terms.objects.get(merchant=shop)
    assert (agreed.payout_interval, agreed.payout_minimum_minor) == ("daily", 500)
    assert (agreed.reserve_basis_points, agreed.reserve_fixed_minor, agreed.debt_limit_minor) == (0, 0, None)
    rows = BalanceTransaction.objects.order_by("pk")
    assert [(row.public_id, row.state, row.charge.public_id) for row in rows if row.charge] == [
        ("txn_sold", "pending", "ch_sold"),
        ("txn_part", "pending", "ch_sold"),
        ("txn_available", "available", "ch_available"),
    ]
    caller = staff_caller(shop, livemode=False, username="test")
    assert balances(caller) == {"pending": 5_840, "available": 9_840}
    make_available()
    assert balances(caller) == {"available": 5_840 + 9_840}

    def key(text: str) -> Key:
        return Key(shop.pk, False, text, "f", f"req_{text}")

    # A hold of then is captured at the price of then, whatever was agreed since.
    set_fee_plan(shop, [{"share_millionths": 500_000}], made_by="test", reason="Later.")
    capture_charge(caller=caller, charge="ch_held", amount_minor=None, key=key("capture"))
    held = Charge.objects.get(public_id="ch_held")
    assert (held.state, held.fee_minor, held.fee_plan) == (
        "captured",
        75 + 10,
        FeePlan.objects.get(merchant=shop, version=1),
    )
    refunded = create_refund(
        caller=caller, asked=NewRefund(charge="ch_sold", amount_minor=1_000), key=key("refund")
    )
    assert json.loads(refunded.body)["status"] == "succeeded"
    create_payout(caller=caller, asked=NewPayout(10_000, "usd"), key=key("payout"))
    assert balances(caller) == {"available": 5_840 + 9_840 - 1_000 - 10_000, "pending": 4_915}
    found = {title(check): list(check()) for check in registered()}
    assert not any(found.values()), found
