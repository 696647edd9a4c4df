"""A rule is tried on what is past: what it would have done, and what became of those payments."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from core.errors import InvalidRequest
from merchants.models import Merchant
from merchants.services import create_merchant
from risk.aftermath import Outcome
from risk.back_test import Figures, Past, run
from risk.facts import neutral
from risk.language import Program
from risk.models import RuleVersion
from risk.services import back_testing
from risk.services.back_testing import begin_back_test, glance, go_on, progress
from risk.services.rules import write_rule
from tests.conftest import Books
from tests.risk.test_guards import decided

AT = datetime(2026, 3, 1, tzinfo=UTC)
BAD = Outcome(paid=True, declined=False, disputed_at=AT, fraud_at=AT)
GOOD = Outcome(paid=True, declined=False)
DECLINED = Outcome(paid=False, declined=True)


def past(pk: int, amount: int, outcome: Outcome, effective: str = "allow") -> Past:
    facts = neutral()
    facts["payment"].update(amount=amount, amount_base=amount)
    return Past(pk, date(2026, 3, pk), facts, effective, outcome)


PASTS = [
    past(1, 500, GOOD),
    past(2, 600, BAD),
    past(3, 100, BAD),
    past(4, 900, DECLINED),
    past(5, 800, Outcome(paid=False, declined=False), "block"),
]


def test_figures_tell_what_a_rule_would_have_caught_and_what_it_would_have_cost() -> None:
    figures = run(Program("payment.amount > 400"), "block", PASTS, Figures())
    assert (figures.seen, figures.matched, figures.changed, figures.unknown) == (5, 4, 3, 0)
    assert (figures.disputed, figures.matched_disputed, figures.matched_paid) == (2, 1, 2)
    assert (figures.good, figures.good_base_minor, figures.matched_declined) == (1, 500, 1)
    assert (figures.share, figures.disputed_share, figures.caught_share) == (80, 50, 50)
    assert figures.words("block") == (
        "It would have blocked 4 of 5 payments (80.0 %). Of the 2 of these that were paid, 50 % were disputed later."
    )
    assert figures.days["2026-03-02"].disputed == 1
    assert figures.examples == [1, 2, 4, 5]


def test_figures_of_parts_are_those_of_the_whole() -> None:
    program = Program("payment.amount > 400")
    half = Figures.of(run(program, "review", PASTS[:2], Figures()).stored())
    assert run(program, "review", PASTS[2:], half) == run(program, "review", PASTS, Figures())


def test_what_lacks_a_fact_is_counted_as_such_and_matches_nothing() -> None:
    figures = run(Program("lists.stolen || payment.amount > 400"), "block", PASTS, Figures())
    assert (figures.unknown, figures.matched) == (1, 4)
    assert Figures().words("block") == "There are no past payments to try it on."


@pytest.fixture
def merchant(books: Books) -> Merchant:
    return create_merchant("A shop").merchant


def version_for(merchant: Merchant) -> RuleVersion:
    return write_rule(
        name="Large",
        livemode=False,
        merchant=merchant,
        expression="payment.amount > 400",
        action="block",
        actor="maria",
        reason="Tried.",
    )


def judged(merchant: Merchant, amounts: list[int]) -> None:
    for amount in amounts:
        facts = neutral()
        facts["payment"]["amount"] = amount
        decided(merchant, facts=facts)


def test_a_long_test_goes_on_step_by_step_and_ends_where_a_short_one_does(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged(merchant, [100, 500, 600, 100, 700])
    judged(create_merchant("Another").merchant, [900])
    now = timezone.now()
    test = begin_back_test(
        version_for(merchant),
        begins_at=now - timedelta(days=1),
        ends_at=now + timedelta(hours=1),
        made_by="maria",
    )
    monkeypatch.setattr(back_testing, "BATCH", 2)
    monkeypatch.setattr(back_testing, "STEP_SECONDS", 0)
    steps = [progress(test)]
    while not test.done:
        test = go_on(test.pk)
        steps.append(progress(test))
    assert steps[0] == 0 and len(steps) == 4 and steps == sorted(set(steps))
    figures = Figures.of(test.figures)
    assert (test.done, progress(test), figures.seen, figures.matched) == (True, 1, 5, 3)
    assert go_on(test.pk).figures == test.figures
    assert glance("payment.amount > 400", "block", livemode=False, merchant_id=merchant.pk).matched == 3


def test_a_time_without_payments_is_no_test(merchant: Merchant) -> None:
    now = timezone.now()
    with pytest.raises(InvalidRequest, match="No payment was judged"):
        begin_back_test(version_for(merchant), begins_at=now, ends_at=now, made_by="maria")
