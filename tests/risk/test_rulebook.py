"""What is live decides payments, and what is in shadow is asked with them; drafts and retired versions are not."""

from typing import Any

import pytest

from merchants.models import Merchant
from merchants.services import create_merchant
from risk import rulebook, shipped
from risk.engine import ask, decide
from risk.facts import neutral
from risk.models import RuleVersion
from risk.services.rules import move_version, write_rule, write_version
from tests.conftest import Books

State = RuleVersion.State
SAID: Any = {"actor": "maria", "reason": "Fraud on Monday."}


@pytest.fixture
def merchant(books: Books) -> Merchant:
    return create_merchant("A shop").merchant


def written(name: str, state: State, **changes: Any) -> RuleVersion:
    given: dict[str, Any] = {
        "name": name,
        "livemode": True,
        "merchant": None,
        "expression": "payment.amount > 100 && history.card_payments == 0",
        "action": "block",
    }
    version = write_rule(**given | changes, **SAID)
    return version if state == State.DRAFT else move_version(version.pk, state, **SAID)


def test_a_merchant_s_payments_are_asked_by_everybody_s_rules_and_their_own(merchant: Merchant) -> None:
    other = create_merchant("Another").merchant
    for state in State:
        written(f"all, {state}", state)
    live = written("theirs", State.LIVE, merchant=merchant, action="review")
    written("another's", State.LIVE, merchant=other)
    written("test mode's", State.LIVE, livemode=False)
    after = write_version(live.rule_id, expression="payment.amount > 5", action="block", **SAID)
    move_version(after.pk, State.SHADOW, **SAID)
    rulebook.forget()
    begun_with = {one.name for one in shipped.RULES}
    found = [
        (one.name, one.version, one.action, one.live)
        for one in rulebook.rules(merchant.pk, True)
        if one.name not in begun_with
    ]
    assert found == [
        ("all, shadow", 1, "block", False),
        ("all, live", 1, "block", True),
        ("theirs", 1, "review", True),
        ("theirs", 2, "block", False),
    ]
    (ours,) = (one for one in rulebook.rules(merchant.pk, True) if one.name == "all, live")
    assert ours.reads == {"payment.amount", "history.card_payments"}
    facts = neutral()
    facts["payment"]["amount"] = 101
    facts["history"]["card_payments"] = 0
    results = [ask(one, facts) for one in rulebook.rules(merchant.pk, True)]
    said = decide(results)
    assert (said.action, said.rule, said.reason) == ("block", ours.rule, "Rule 'all, live'.")
    in_test_mode = {one.name for one in rulebook.rules(merchant.pk, False)}
    assert in_test_mode - begun_with == {"test mode's"}


def test_a_rule_that_fails_matches_nothing_and_says_why(books: Books) -> None:
    version = written("by a list", State.DRAFT, expression="payment.amount * 9000000000000000000 > 1")
    facts = neutral()
    facts["payment"]["amount"] = 100
    result = ask(rulebook.written(version), facts)
    assert not result.matched and result.error.startswith("OverflowError")
