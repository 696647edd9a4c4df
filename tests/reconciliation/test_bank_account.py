"""Disputes in the settlement file and payouts on the bank's statement: each is matched with our own row and counted
once, and is missed where one side has it alone."""

import io
from datetime import timedelta
from typing import Any

import pytest

from ledger.queries import balance, currency_totals
from merchants.services import create_merchant
from payments.attempts import Actor
from payments.models import Charge, Dispute, Operation, Payout
from payments.services.bank_accounts import name_bank_account
from payments.services.disputes import learn_disputes
from payments.services.learn import learn
from payments.services.resume import resume_operation
from reconciliation import kinds
from reconciliation.models import Break, Match
from reconciliation.services import breaks
from reconciliation.services.importing import Imported, import_report
from reconciliation.services.pulling import look_again
from reconciliation.terms import terms_of
from sandbox.movements import Movement, payout
from sandbox.statements import statement
from tests.reconciliation.desk import Desk
from tests.support.client import Client
from tests.support.eventually import eventually

TEST = Actor("test")
RETURNED = "000555555559"


def shop(desk: Desk, account: str = "000123456789") -> Client:
    made = create_merchant("A shop")
    name_bank_account(
        made.merchant,
        livemode=False,
        currency="usd",
        holder="A shop",
        country="US",
        routing_number="110000000",
        account_number=account,
    )
    client = Client(desk.world.url, made.keys["sk_test"])
    client.charge(source="tok_bypassPending", amount=20_000)
    return client


def pay_out(client: Client, amount: int, *, until: str) -> Payout:
    made = client.post("/v1/payouts", {"amount": amount, "currency": "usd"}).json()
    operation = Operation.objects.get(payout__public_id=made["id"])
    resume_operation(operation.public_id, TEST)

    def seen() -> Payout | None:
        learn(operation.public_id, TEST)
        return Payout.objects.filter(public_id=made["id"], state=until).first()

    return eventually(seen, what=until)


def dispute(desk: Desk, api: Client, *, known: bool = True) -> Charge:
    charge = Charge.objects.get(public_id=api.charge(amount=3_000).json()["id"])
    reference = Operation.objects.get(charge=charge).public_id
    desk.ask("/control/disputes", {"reference": reference, "reason": "fraudulent"})
    if known:
        assert learn_disputes(charge, TEST)
    return charge


def held(address: str) -> int:
    return balance(address, "usd", False)


@pytest.fixture(scope="module")
def day(desk: Desk, api: Client) -> dict[str, Any]:
    """Disputes of each kind, payouts that arrive and come back, and the day's file and statement."""
    returning = shop(desk, RETURNED)
    paid = pay_out(shop(desk), 5_000, until="paid")
    returned = pay_out(returning, 4_000, until="paid")
    open_one, unknown = dispute(desk, api), dispute(desk, api, known=False)
    won, unreported = dispute(desk, api), dispute(desk, api)
    desk.ask(f"/control/disputes/{won.disputes.get().processor_id}/decide", {"outcome": "won"})
    learn_disputes(won, TEST)
    desk.ask(
        "/control/settlement_errors",
        {"reference": unreported.disputes.get().processor_id, "error": "missing_line"},
    )
    operation = Operation.objects.get(payout=returned)

    def back() -> bool:
        learn(operation.public_id, TEST)
        return bool(Payout.objects.get(pk=returned.pk).state == "failed")

    eventually(back)
    return {
        "file": desk.close(desk.today),
        "statement": desk.statement(desk.today),
        "open": open_one,
        "unknown": unknown,
        "won": won,
        "unreported": unreported,
        "payouts": [paid, returned],
    }


def take_in(source: str, content: bytes) -> Imported:
    return import_report(io.BytesIO(content), terms=terms_of(source), name="report", actor="test")


def test_disputes_are_matched_with_ours_and_missed_on_either_side(desk: Desk, day: dict[str, Any]) -> None:
    assert held("payouts:sent") == -5_000
    take_in("sandbox", day["file"])
    matched = Match.objects.filter(result="matched", line__kind__startswith="dispute")
    assert sorted(matched.values_list("line__kind", flat=True)) == ["dispute", "dispute", "dispute_reversal"]
    unreported = day["unreported"].disputes.get()
    found = {(one.kind, one.reference) for one in Break.objects.all()}
    unknown = Operation.objects.get(charge=day["unknown"]).public_id
    assert found == {("orphan_dispute", unknown), ("timing", unreported.balance_transaction)}


def test_an_orphan_dispute_that_we_learn_of_needs_no_person(desk: Desk, day: dict[str, Any]) -> None:
    learn_disputes(day["unknown"], TEST)
    look_again()
    one = Break.objects.get(kind="orphan_dispute")
    assert (one.state, one.proposed_by) == ("resolved", kinds.RULES)
    assert held("suspense:sandbox") == 0
    assert Match.objects.get(line=one.line).settles


def test_payouts_are_counted_once_and_our_account_is_what_its_statement_says(
    desk: Desk, day: dict[str, Any]
) -> None:
    assert held("bank:main") == 0
    take_in("bank", day["statement"])
    assert not Break.objects.filter(source="bank").exists()
    lines = Match.objects.filter(file__source="bank", settles=True).order_by("line__number")
    assert [one.line.gross_minor for one in lines] == [-5_000, -4_000, 4_000]
    settled = -sum(Match.objects.filter(line__kind="payout").values_list("line__gross_minor", flat=True))
    assert held("bank:main") == settled - 5_000
    assert held("payouts:sent") == held("processor:sandbox:in_transit") == 0


def test_statements_that_err_about_payouts_are_found_out(desk: Desk, day: dict[str, Any]) -> None:
    client, tomorrow = shop(desk), desk.today + timedelta(days=1)
    good, short, unseen = (pay_out(client, amount, until="paid") for amount in (700, 800, 900))
    repeated = day["payouts"][0]

    def entry(of: Payout, amount: int, id: str) -> Movement:
        return payout(id, "usd", amount, tomorrow, Operation.objects.get(payout=of).public_id)

    entries = [
        entry(good, -700, "e1"),
        entry(good, -700, "e2"),
        entry(short, -810, "e3"),
        entry(repeated, 5_000, "e4"),
        payout("e5", "usd", -42, tomorrow, "op_nobodys"),
    ]
    take_in("bank", statement(tomorrow, {"usd": held("bank:main")}, entries).encode())
    rows = Break.objects.filter(source="bank", line__isnull=False)
    found = dict(rows.values_list("line__processor_id", "kind"))
    assert found == {"e2": "duplicate", "e3": "amount", "e4": "status", "e5": "missing_here"}
    # Arrived today, and it is on no statement of today: that one was closed before.
    take_in("bank", statement(desk.today, {"usd": 0}, [payout("x", "usd", 1, desk.today)]).encode())
    (ours,) = Break.objects.filter(source="bank", line=None)
    assert (ours.kind, ours.reference) == ("timing", unseen.balance_transaction)


def test_once_worked_off_the_books_hold_what_both_banks_hold(desk: Desk, day: dict[str, Any]) -> None:
    late = [one for one in Break.objects.exclude(state="resolved") if one.kind == "timing"]
    for one in Break.objects.exclude(state="resolved").exclude(kind="timing"):
        way = kinds.SETTLE if one.source == "sandbox" else kinds.WRITE_OFF
        breaks.propose(one.pk, resolution=way, reason="Found out.", actor="maria")
        breaks.approve(one.pk, actor="peter")
        breaks.resolve(one.pk, actor="maria")
    assert {one.source for one in late} == {"sandbox", "bank"}
    assert held("suspense:bank") == held("suspense:sandbox") == 0
    assert all(total.balance == 0 for total in currency_totals())
    assert held("processor:sandbox:clearing") == desk.owed()["usd"]
    assert held("payouts:sent") == -900
    assert Dispute.objects.count() == 4
