"""Rules are written in versions that never change; each step of one says who and why; what changes payments takes two
people where that is wanted."""

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from psycopg.errors import CheckViolation, RestrictViolation, UniqueViolation

from controls.approvals import approve, ask_for_approval
from core.errors import InvalidRequest
from core.ids import random_text
from risk.models import RuleChange, RuleVersion
from risk.services import approved_rule
from risk.services.rules import RuleMisread, move_version, write_rule, write_version
from tests.conftest import Books

State = RuleVersion.State
SAID: Any = {"actor": "maria", "reason": "Fraud on Monday."}


@pytest.fixture
def raw(books: Books) -> Iterator[psycopg.Connection]:
    with books.superuser() as connection:
        yield connection


def written(**changes: Any) -> RuleVersion:
    given: dict[str, Any] = {
        "name": "Large",
        "livemode": True,
        "merchant": None,
        "expression": "payment.amount > 100",
        "action": "block",
    }
    return write_rule(**given | changes, **SAID)


@pytest.fixture
def version(books: Books) -> RuleVersion:
    return written()


def test_a_rule_goes_from_draft_to_shadow_to_live_to_its_end(version: RuleVersion) -> None:
    for state in (State.SHADOW, State.LIVE, State.RETIRED):
        assert move_version(version.pk, state, **SAID).state == state
        # As a form that is sent again.
        assert move_version(version.pk, state, **SAID).state == state
    told = version.changes.order_by("pk").values_list("state", "actor", "reason")
    assert list(told) == [(state, "maria", "Fraud on Monday.") for state in State]
    with pytest.raises(InvalidRequest, match="it can't be live any more"):
        move_version(version.pk, State.LIVE, **SAID)


def test_the_next_version_takes_the_place_of_the_one_before(version: RuleVersion) -> None:
    move_version(version.pk, State.LIVE, **SAID)
    with pytest.raises(InvalidRequest, match="This is what version 1 says"):
        write_version(version.rule_id, expression=version.expression, action="block", **SAID)
    after = write_version(version.rule_id, expression="payment.amount > 200", action="review", **SAID)
    move_version(after.pk, State.SHADOW, **SAID)
    assert {v.number: v.state for v in version.rule.versions.all()} == {1: "live", 2: "shadow"}
    move_version(after.pk, State.LIVE, **SAID)
    assert {v.number: v.state for v in version.rule.versions.all()} == {1: "retired", 2: "live"}
    assert (
        RuleChange.objects.get(version=version, state="retired").reason == "Version 2 is live in its place."
    )


def test_what_is_no_rule_is_not_written(version: RuleVersion) -> None:
    with pytest.raises(RuleMisread, match=r"Did you mean payment.amount\? \(at character 1\)"):
        written(expression="payment.amont > 1")
    with pytest.raises(RuleMisread):
        write_version(version.rule_id, expression="payment.amount", action="block", **SAID)
    assert version.rule.versions.count() == 1


def test_two_who_enforce_at_once_leave_one_live(version: RuleVersion) -> None:
    others = [
        write_version(version.rule_id, expression=f"payment.amount > {n}", action="block", **SAID)
        for n in (1, 2, 3)
    ]
    threads = [
        threading.Thread(target=move_version, args=(one.pk, State.LIVE), kwargs=SAID)
        for one in (version, *others)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    states = sorted(version.rule.versions.values_list("state", flat=True))
    assert states == ["live", "retired", "retired", "retired"]


def test_postgresql_keeps_versions_as_they_were_written(
    raw: psycopg.Connection, version: RuleVersion
) -> None:
    for attack in (
        "UPDATE risk_ruleversion SET expression = 'true'",
        "UPDATE risk_ruleversion SET action = 'allow'",
        "DELETE FROM risk_ruleversion",
        "TRUNCATE risk_ruleversion CASCADE",
        "UPDATE risk_rule SET livemode = false",
        "UPDATE risk_rulechange SET actor = 'nobody'",
        "DELETE FROM risk_rulechange",
    ):
        with pytest.raises(RestrictViolation):
            raw.execute(attack)


def test_postgresql_lets_no_version_move_in_silence_or_backward(
    raw: psycopg.Connection, version: RuleVersion
) -> None:
    to = "UPDATE risk_ruleversion SET state = %s WHERE id = %s"
    with pytest.raises(CheckViolation, match="nobody says who"):
        raw.execute(to, ["live", version.pk])
    with pytest.raises(CheckViolation, match="can not be born"):
        raw.execute(
            """INSERT INTO risk_ruleversion (rule_id, number, expression, action, state)
               VALUES (%s, 2, 'x', 'block', 'live')""",
            [version.rule_id],
        )
    move_version(version.pk, State.RETIRED, **SAID)
    with pytest.raises(CheckViolation, match="can not move"):
        raw.execute(to, ["draft", version.pk])
    after = write_version(version.rule_id, expression="payment.amount > 2", action="block", **SAID)
    again = write_version(version.rule_id, expression="payment.amount > 3", action="block", **SAID)
    move_version(after.pk, State.LIVE, **SAID)
    with pytest.raises(UniqueViolation, match="one_version_is_live"):
        raw.execute(to, ["live", again.pk])


def test_a_step_that_takes_two_is_done_once_on_the_version_as_it_was(version: RuleVersion) -> None:
    maker, checker = (User.objects.create_user(random_text(9)) for _ in range(2))
    assert not approved_rule.takes_two(version, State.SHADOW)
    assert not approved_rule.takes_two(version, State.RETIRED)
    assert approved_rule.takes_two(version, State.LIVE)

    def asked(one: RuleVersion, state: State) -> Any:
        version = RuleVersion.objects.get(pk=one.pk)
        wish = approved_rule.wish(version, state)
        return ask_for_approval(wish, key=random_text(20), maker=maker, reason="Agreed.")

    enforce = asked(version, State.LIVE)
    assert enforce.summary == (
        "Enforce “Large”, version 1: Block every merchant's payments where payment.amount > 100"
    )
    done = approve(enforce.pk, checker=checker)
    assert (done.state, done.result) == ("done", "Large, version 1 decides from now on.")
    # As beat would, had the process died before it could say so.
    assert approved_rule.carry_out(done) == done.result
    told = version.changes.get(state="live")
    assert told.actor == f"{maker.username}, approved by {checker.username}"
    retire = asked(version, State.RETIRED)
    after = write_version(version.rule_id, expression="payment.amount > 2", action="block", **SAID)
    late = ask_for_approval(
        approved_rule.wish(after, State.LIVE), key=random_text(20), maker=maker, reason="Agreed."
    )
    move_version(after.pk, State.RETIRED, **SAID)
    assert approve(late.pk, checker=checker).state == "failed"
    assert approve(retire.pk, checker=checker).state == "done"
