"""Disputes in the settlement file and payouts on the bank's statement: each is matched with our own row and counted
once, and is missed where one side has it alone."""

import io
from datetime import date, timedelta
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


def announced(day: date, name: str, amount_minor: int) -> Imported:
    """The processor's report of a day says that it has sent this to our bank."""
    moment = f"{day}T12:00:00Z"
    rows = [
        f"settlement,1,{day}",
        "number,type,reference,id,authorization,currency,gross,fee,net,status,created",
        f"1,payout,,{name},,usd,{-amount_minor},0,{-amount_minor},settled,{moment}",
        f"total,usd,1,{-amount_minor},0,{-amount_minor}",
        "end,1\n",
    ]
    return take_in("sandbox", "\n".join(rows).encode())


def arrived(day: date, *parts: Movement) -> Imported:
    return take_in("bank", statement(day, {"usd": 0}, list(parts)).encode())


def test_money_that_a_processor_announces_later_than_it_arrives_needs_no_person(desk: Desk) -> None:
    early, tomorrow = desk.today - timedelta(days=5), desk.today - timedelta(days=4)
    in_transit, waiting = held("processor:sandbox:in_transit"), held("suspense:bank")
    arrived(early, payout("l1", "usd", 3_000, early, "set_late"), payout("l2", "usd", 10, early, "set_other"))
    late, other = Break.objects.filter(reference__in=["set_late", "set_other"]).order_by("reference")
    assert (late.kind, late.suspense_minor) == ("missing_here", -3_000)
    assert held("suspense:bank") == waiting - 3_010
    announced(tomorrow, "set_late", 3_000)
    announced(tomorrow - timedelta(days=10), "set_other", 11)
    look_again()
    late = Break.objects.get(pk=late.pk)
    assert (late.state, late.proposed_by, late.resolution) == ("resolved", kinds.RULES, "settle")
    assert f"sandbox announced it, line 1 of its report of {tomorrow}" in late.reason
    assert held("processor:sandbox:in_transit") == in_transit - 3_000
    # Another amount than announced is for a person.
    assert Break.objects.get(pk=other.pk).state == "open"
    assert held("suspense:bank") == waiting - 10
    breaks.propose(other.pk, resolution=kinds.WRITE_OFF, reason="A tip.", actor="maria")
    breaks.approve(other.pk, actor="maria")
    breaks.resolve(other.pk, actor="maria")


def test_what_a_processor_sends_may_arrive_in_parts_and_over_days(desk: Desk) -> None:
    early, next_day = desk.today - timedelta(days=3), desk.today - timedelta(days=2)
    in_transit = held("processor:sandbox:in_transit")
    announced(early, "set_parts", 1_000)
    known = Break.objects.count()
    arrived(early, payout("p1", "usd", 300, early, "set_parts"), payout("p2", "usd", 300, early, "set_parts"))
    assert (Break.objects.count(), held("processor:sandbox:in_transit")) == (known, in_transit - 600)
    # The rest, and five more than that.
    arrived(next_day, payout("p3", "usd", 405, next_day, "set_parts"))
    over = Break.objects.get(reference="set_parts")
    assert (over.kind, over.at_risk_minor, over.suspense_minor) == ("amount", 595, -5)
    assert held("processor:sandbox:in_transit") == in_transit - 1_000
    breaks.propose(over.pk, resolution=kinds.SETTLE, reason="It evens out.", actor="maria")
    breaks.approve(over.pk, actor="maria")
    breaks.resolve(over.pk, actor="maria")
    assert held("processor:sandbox:in_transit") == in_transit - 1_005
