"""Maker and checker: one asks, another decides, it is done once. PostgreSQL holds it against whoever writes."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from psycopg.errors import CheckViolation, RestrictViolation

from controls.actions import Action, register
from controls.approvals import (
    Wish,
    approve,
    ask_for_approval,
    carry_out,
    look_after_approvals,
    needs_second_person,
    refuse,
)
from controls.errors import NotOpen, OtherRequest, SamePerson
from controls.models import Approval, Threshold
from core.errors import InvalidRequest, ServiceUnavailable
from core.ids import random_text

pytestmark = pytest.mark.usefixtures("books")


@pytest.fixture
def raw(books: Any) -> Iterator[psycopg.Connection]:
    with books.superuser() as connection:
        yield connection


@pytest.fixture
def done() -> list[str]:
    """Which approvals were carried out, in order."""
    return []


@pytest.fixture
def action(done: list[str]) -> str:
    name = f"act-{random_text(6)}"

    def carry_out(approval: Approval) -> str:
        assert not connection.in_atomic_block
        done.append(approval.public_id)
        return "It is done."

    register(Action(name=name, title=name, carry_out=carry_out))
    return name


def person() -> User:
    return User.objects.create_user(f"person-{random_text(8)}")


def asked(action: str, maker: User | None = None, key: str = "", **more: Any) -> Approval:
    said: dict[str, Any] = {"action": action, "subject": "ch_1", "summary": "Do it.", "amount_minor": 5}
    wish = Wish(**(said | more))
    return ask_for_approval(wish, key=key or random_text(20), maker=maker or person(), reason="It must be.")


def late(approval: Approval, raw: psycopg.Connection, column: str = "expires_at") -> None:
    """As if it had been asked or decided long ago."""
    raw.execute("ALTER TABLE controls_approval DISABLE TRIGGER USER")
    raw.execute(
        f"UPDATE controls_approval SET {column} = now() - interval '1 hour' WHERE id = %s", [approval.pk]
    )
    raw.execute("ALTER TABLE controls_approval ENABLE TRIGGER USER")


def test_what_another_person_approves_is_done_once(action: str, done: list[str]) -> None:
    approval, checker = asked(action), person()
    decided = approve(approval.pk, checker=checker, note="I looked.")
    assert (decided.state, decided.result, decided.decision) == ("done", "It is done.", "I looked.")
    assert decided.checker == checker and decided.carried_out_at is not None
    with pytest.raises(NotOpen):
        approve(approval.pk, checker=person())
    assert carry_out(approval.pk).state == "done"
    assert done == [approval.public_id]


def test_nobody_approves_or_refuses_their_own(action: str, done: list[str]) -> None:
    maker = person()
    approval = asked(action, maker)
    with pytest.raises(SamePerson):
        approve(approval.pk, checker=maker)
    with pytest.raises(SamePerson):
        refuse(approval.pk, checker=maker, note="No.")
    assert Approval.objects.get(pk=approval.pk).state == "open" and not done


def test_two_who_decide_at_once_decide_once(action: str, done: list[str]) -> None:
    approval = asked(action)
    checkers = [person() for _ in range(6)]

    def decide(number: int) -> bool:
        try:
            if number % 2:
                refuse(approval.pk, checker=checkers[number], note="No.")
            else:
                approve(approval.pk, checker=checkers[number])
        except NotOpen:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(decide, range(6))) == 1
    state = Approval.objects.get(pk=approval.pk).state
    assert done == ([approval.public_id] if state == "done" else [])


def test_what_was_refused_is_never_done(action: str, done: list[str]) -> None:
    approval = asked(action)
    assert refuse(approval.pk, checker=person(), note="Not this one.").state == "refused"
    assert carry_out(approval.pk).state == "refused" and not done


def test_a_form_that_is_sent_again_asks_once(action: str) -> None:
    maker, key = person(), random_text(20)
    assert asked(action, maker, key) == asked(action, maker, key)
    with pytest.raises(OtherRequest):
        asked(action, maker, key, amount_minor=6)
    with pytest.raises(OtherRequest):
        asked(action, person(), key)


def test_an_approval_ends_when_nobody_decides(action: str, done: list[str], raw: psycopg.Connection) -> None:
    approval = asked(action)
    assert approval.expires_at > timezone.now() + timedelta(days=2)
    late(approval, raw)
    with pytest.raises(NotOpen, match="expired"):
        approve(approval.pk, checker=person())
    look_after_approvals()
    assert Approval.objects.get(pk=approval.pk).state == "expired" and not done


def failing(error: Callable[[], Exception]) -> str:
    name = f"act-{random_text(6)}"

    def carry_out(approval: Approval) -> str:
        raise error()

    register(Action(name=name, title=name, carry_out=carry_out))
    return name


def test_what_can_not_be_done_says_why() -> None:
    approval = asked(failing(lambda: InvalidRequest("Nothing is left.")))
    decided = approve(approval.pk, checker=person())
    assert (decided.state, decided.result) == ("failed", "Nothing is left.")


def test_what_can_not_be_done_yet_and_what_a_crash_left_is_done_by_beat(
    action: str, done: list[str], raw: psycopg.Connection
) -> None:
    name = failing(lambda: ServiceUnavailable("Not now."))
    approval = asked(name)
    assert approve(approval.pk, checker=person()).state == "approved"
    look_after_approvals()
    assert Approval.objects.get(pk=approval.pk).state == "approved"
    # It works again, and the one who approved it is gone.
    register(Action(name=name, title=name, carry_out=lambda approval: "Done late."))
    late(approval, raw, "decided_at")
    look_after_approvals()
    decided = Approval.objects.get(pk=approval.pk)
    assert (decided.state, decided.result) == ("done", "Done late.")


def test_one_that_breaks_does_not_hold_up_the_others(
    action: str, done: list[str], raw: psycopg.Connection
) -> None:
    broken, fine = asked(failing(lambda: RuntimeError("broken"))), asked(action)
    with pytest.raises(RuntimeError):
        approve(broken.pk, checker=person())
    raw.execute(
        "UPDATE controls_approval SET state = 'approved', checker_id = %s, decided_at = now() - interval '1 hour'"
        " WHERE id = %s",
        [person().pk, fine.pk],
    )
    late(broken, raw, "decided_at")
    look_after_approvals()
    assert done == [fine.public_id]
    assert Approval.objects.get(pk=broken.pk).state == "approved"


DECIDED = "state = 'approved', decided_at = now()"


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (f"{DECIDED}, checker_id = maker_id", "nobody_approves_their_own"),
        ("state = 'refused', decided_at = now(), checker_id = maker_id", "nobody_approves_their_own"),
        (DECIDED, "a_decision_is_somebody_s"),
        ("state = 'done'", "can not move from open to done"),
        ("amount_minor = 1", "controls_approval"),
        ("subject = 'ch_2'", "controls_approval"),
        ("parameters = '{}'::jsonb || '{\"a\": 1}'", "controls_approval"),
        ("maker_id = %(other)s", "controls_approval"),
        ("expires_at = now() + interval '1 year'", "controls_approval"),
    ],
)
def test_sql_can_not_approve_alone_nor_change_what_was_asked(
    action: str, raw: psycopg.Connection, change: str, refusal: str
) -> None:
    approval = asked(action)
    with pytest.raises((CheckViolation, RestrictViolation), match=refusal):
        raw.execute(
            f"UPDATE controls_approval SET {change} WHERE id = %(id)s",
            {"id": approval.pk, "other": person().pk},
        )


def test_sql_can_not_approve_late_decide_twice_or_remove(action: str, raw: psycopg.Connection) -> None:
    approval = asked(action)
    late(approval, raw)
    checker = person().pk
    with pytest.raises(CheckViolation, match="has expired"):
        raw.execute(
            f"UPDATE controls_approval SET {DECIDED}, checker_id = %s WHERE id = %s", [checker, approval.pk]
        )
    other = asked(action)
    refuse(other.pk, checker=person(), note="No.")
    for change in ("checker_id = %s", f"{DECIDED}, checker_id = %s"):
        with pytest.raises(CheckViolation):
            raw.execute(f"UPDATE controls_approval SET {change} WHERE id = %s", [checker, other.pk])
    for attack in ("DELETE FROM controls_approval", "TRUNCATE controls_approval"):
        with pytest.raises(RestrictViolation):
            raw.execute(attack)


def test_sql_can_not_make_one_that_is_approved_already(action: str, raw: psycopg.Connection) -> None:
    columns = (
        "key, public_id, action, subject, summary, parameters, currency, reason, expires_at, decision, result"
    )
    with pytest.raises(CheckViolation, match="can not be born"):
        raw.execute(
            f"INSERT INTO controls_approval ({columns}, maker_id, checker_id, decided_at, state) VALUES "
            "('k', 'apr_1', 'refund', 'ch_1', 's', '{}', '', 'r', now() + interval '1 day', '', '',"
            " %s, %s, now(), 'approved')",
            [person().pk, person().pk],
        )


def test_a_threshold_is_one_person_s_up_to_its_amount(action: str) -> None:
    assert not needs_second_person(action, "eur", 10**12)
    Threshold.objects.create(action=action, currency="eur", amount_minor=10_000)
    assert not needs_second_person(action, "eur", 10_000)
    assert needs_second_person(action, "eur", 10_001)
    # Nobody said how much is much in yen.
    assert needs_second_person(action, "jpy", 1)


def test_an_action_may_take_two_people_until_a_threshold_says_otherwise() -> None:
    name = f"act-{random_text(6)}"
    register(Action(name=name, title=name, carry_out=str, alone_without_threshold=False))
    assert needs_second_person(name, "eur", 1)
    Threshold.objects.create(action=name, currency="eur", amount_minor=1)
    assert not needs_second_person(name, "eur", 1)
