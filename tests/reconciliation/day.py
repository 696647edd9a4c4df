"""A day at the bank with an error of each kind at known places, and the day after it: made through the API, found out
about, and worked off."""

import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models import F

from ledger.queries import balance, currency_totals
from payments.attempts import Actor
from payments.models import BalanceTransaction, Charge, Operation
from payments.services.disputes import learn_disputes
from reconciliation import kinds
from reconciliation.models import Break
from reconciliation.services import breaks
from reconciliation.services.importing import Imported, Told, import_report, quiet
from reconciliation.terms import terms_of
from tests.reconciliation.desk import Desk
from tests.support.client import Client

# What the bank is told to do, and what must be found of it. What is missing may still come on the day itself.
ERRORS = {
    "missing_line": "timing",
    "late_line": "timing",
    "extra_line": "missing_here",
    "duplicate_line": "duplicate",
    "other_amount": "amount",
    "other_currency": "currency",
    "other_fee": "fee",
    "other_status": "status",
    "orphan_refund": "orphan_refund",
    "orphan_dispute": "orphan_dispute",
}
OF_REFUNDS = ("missing_line", "late_line", "duplicate_line", "other_amount", "other_currency", "other_status")
CURRENCIES = ("usd", "eur", "jpy")
REFUND_EVERY = 10
# One dispute in so many payments; the first is known to the bank alone.
DISPUTE_EVERY = 40
MOST_DISPUTES = 200
THREADS = 16
INVENTED = "_nobodys"

Progress = Callable[[str, int], None]


@dataclass
class Day:
    """What was done: payments, refunds and disputes, and the errors by the reference that they are about."""

    desk: Desk
    payments: int
    refunds: int = 0
    disputes: int = 0
    # Of whose dispute only the bank knows.
    unheard: str = ""
    injected: dict[str, str] = field(default_factory=dict)
    file: bytes = b""

    def expected(self) -> Counter[tuple[str, str]]:
        return Counter((reference, ERRORS[error]) for reference, error in self.injected.items())


def make_day(desk: Desk, api: Client, *, payments: int, each: int, progress: Progress = quiet) -> Day:
    """So many payments through the API, some of them refunded or disputed, and `each` errors of every kind."""
    day = Day(desk, payments)
    with ThreadPoolExecutor(THREADS) as threads:
        charges = list(_each(threads.map(lambda number: _charge(api, number), range(payments)), progress))
        refunds = list(threads.map(lambda charge: _refund(api, charge), charges[::REFUND_EVERY]))
    day.refunds = len(refunds)
    references = _references()
    progress("disputes and errors", payments)
    disputed = charges[1::DISPUTE_EVERY][:MOST_DISPUTES]
    for number, charge in enumerate(disputed):
        _dispute(day, charge, references[charge], known=number > 0)
    day.disputes = len(disputed)
    # Neither refunded nor disputed: one reference, one line.
    plain = [charge for number, charge in enumerate(charges) if number % REFUND_EVERY > 1]
    _inject(day, [references[charge] for charge in plain], ERRORS, each)
    _inject(day, [references[refund] for refund in refunds], OF_REFUNDS, each)
    progress("closing the day", payments)
    day.file = desk.close(desk.today)
    return day


def take_in(desk: Desk, content: bytes, told: Told = quiet) -> Imported:
    return import_report(io.BytesIO(content), terms=desk.terms, name="day.csv", actor="test", told=told)


def found() -> Counter[tuple[str, str]]:
    """Every break, by the reference that it is about; those that a rule has resolved since too."""
    names = _references()
    ours = dict(BalanceTransaction.objects.values_list("pk", "source"))
    return Counter(
        (
            one.line.reference.removesuffix(INVENTED) if one.line else names[ours[one.booking_id or 0]],
            one.kind,
        )
        for one in Break.objects.select_related("line")
    )


def next_day(day: Day) -> None:
    """What was late comes, and so does the word of the dispute that we had not heard of."""
    learn_disputes(Charge.objects.get(public_id=day.unheard), Actor("test"))
    take_in(day.desk, day.desk.close(day.desk.today + timedelta(days=1)))


def work_off() -> int:
    """What is missing stays owed, the fee is borne, and everything else is counted against what is owed."""
    rows = list(Break.objects.exclude(state="resolved"))
    for one in rows:
        resolution = {"missing_there": kinds.NOTHING, "fee": kinds.WRITE_OFF}.get(one.kind, kinds.SETTLE)
        breaks.propose(one.pk, resolution=resolution, reason="Claimed from the bank.", actor="maria")
        breaks.approve(one.pk, actor="peter")
        breaks.resolve(one.pk, actor="maria")
    return len(rows)


def clearing(currency: str) -> int:
    return balance("processor:sandbox:clearing", currency, False)


def check_settled(day: Day) -> None:
    """The trial balance is zero, nothing waits in suspense, and clearing is what the bank still owes."""
    assert not Break.objects.exclude(state="resolved").exists()
    assert all(total.balance == 0 for total in currency_totals())
    assert {currency: owed for currency in CURRENCIES if (owed := clearing(currency))} == day.desk.owed()
    assert {balance("suspense:sandbox", currency, False) for currency in CURRENCIES} == {0}


def check_bank_account(day: Day) -> None:
    """The statements clear what was in transit, and break nothing."""
    sent = {currency: balance("processor:sandbox:in_transit", currency, False) for currency in CURRENCIES}
    assert all(sent.values())
    for on in (day.desk.today, day.desk.today + timedelta(days=1)):
        statement = io.BytesIO(day.desk.statement(on))
        import_report(statement, terms=terms_of("bank"), name="statement.xml", actor="test")
    for currency, amount_minor in sent.items():
        assert balance("processor:sandbox:in_transit", currency, False) == 0
        assert balance("bank:main", currency, False) == amount_minor
    assert not Break.objects.filter(source="bank").exists()


def _each(made: Iterable[str], progress: Progress) -> Iterator[str]:
    for number, one in enumerate(made, start=1):
        progress("payments", number)
        yield one


def _charge(api: Client, number: int) -> str:
    currency = CURRENCIES[number % len(CURRENCIES)]
    return str(api.charge(amount=1_000 + number % 9_000, currency=currency).json()["id"])


def _refund(api: Client, charge: str) -> str:
    return str(api.post("/v1/refunds", {"charge": charge, "amount": 300}).json()["id"])


def _dispute(day: Day, charge: str, reference: str, *, known: bool) -> None:
    day.desk.ask("/control/disputes", {"reference": reference, "reason": "fraudulent"})
    if known:
        learn_disputes(Charge.objects.get(public_id=charge), Actor("test"))
    else:
        day.unheard = charge
        day.injected[reference] = "orphan_dispute"


def _inject(day: Day, references: list[str], errors: Iterable[str], each: int) -> None:
    wanted = [error for error in errors for _ in range(each)]
    apart = max(1, len(references) // len(wanted))
    for reference, error in zip(references[::apart], wanted, strict=False):
        day.desk.order_error(reference, error)
        day.injected[reference] = error
    assert len(references) >= len(wanted)


def _references() -> dict[str, str]:
    """The operation that each charge and refund came from."""
    rows: Any = Operation.objects.filter(state="succeeded").annotate(
        of_charge=F("charge__public_id"), of_refund=F("refund__public_id")
    )
    return {
        of_refund or of_charge: public_id
        for public_id, of_charge, of_refund in rows.values_list("public_id", "of_charge", "of_refund")
    }
