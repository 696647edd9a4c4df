"""Every move that no state machine draws, tried in Python and in raw SQL. The tables come from the machines, so what
is added there is tried too."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.db import IntegrityError, models
from django.utils import timezone
from django_fsm import FSMField, Transition, TransitionNotAllowed

from idempotency.keys import Key
from merchants.auth import Caller, caller_of
from merchants.models import Merchant
from merchants.services import create_merchant
from payments import routing
from payments.attempts import Actor
from payments.models import (
    BalanceTransaction,
    Charge,
    CheckoutSession,
    Dispute,
    Operation,
    PaymentIntent,
    Payout,
    Refund,
)
from payments.services.bank_accounts import name_bank_account
from payments.services.charge import NewCharge, create_charge
from payments.services.checkout import NewSession, create_session
from payments.services.disputes import learn_disputes
from payments.services.intents import NewIntent
from payments.services.payout import NewPayout, create_payout
from payments.services.refund import NewRefund, create_refund
from processors.protocol import Approved
from tests.conftest import Books
from tests.support.disputing import DisputingBank
from tests.support.scripted import ScriptedBank, ScriptedVault

MODELS: list[type[Any]] = [
    *(PaymentIntent, Charge, CheckoutSession, Operation, Refund, BalanceTransaction, Payout, Dispute)
]
# The states that a row may begin in: the machines do not draw that.
BIRTHS: dict[type[Any], set[str]] = {
    PaymentIntent: {"requires_payment_method", "requires_confirmation", "processing"},
    # What was blocked; that nothing else has failed from the start is looked at with the commit.
    Charge: {"created", "processing", "failed"},
    CheckoutSession: {"open"},
    Operation: {"processing"},
    Refund: {"pending"},
    BalanceTransaction: {"pending", "reserved", "available"},
    Payout: {"pending"},
    Dispute: {"warning_needs_response", "needs_response"},
}
ROLES = ["postgres", "tollgate_owner", "tollgate_app"]
# What must hold of a row in a state, besides how it came there: rules of their own, with tests of their own.
OTHER_RULES = {
    "captured_charges_say_how_much",
    "open_operations_have_a_next_attempt",
    "binding_intents_hold_their_order",
    "waiting_charges_only_are_looked_after",
    "open_disputes_are_looked_after",
    "disputed_money_is_booked",
    "dispute_is_booked_once",
    "payments_checkoutsession_payment_intent_id_key",
}
# The same, where they are triggers.
OTHER_TRIGGERS = {CheckoutSession._meta.db_table: ("fits", "ends")}
SESSION = NewSession(
    NewIntent(5_000, "usd"), [{"name": "A tent", "unit_minor": 5_000, "quantity": 1}], timezone.now()
)
# Their amounts are bounded by a trigger that does not look at states.
BOUNDED = (Refund, Operation)


def machine(model: type[models.Model]) -> FSMField:
    return model._meta.get_field("state")  # type: ignore[return-value]


def transitions(model: type[models.Model]) -> list[Transition]:
    return list(machine(model).get_all_transitions(model))


def states(model: type[Any]) -> list[str]:
    return [str(state) for state in model.State.values]


def drawn(model: type[models.Model]) -> set[tuple[str, str]]:
    return {(str(step.source), str(step.target)) for step in transitions(model)}


CALLS = [
    pytest.param(model, state, name, id=f"{model.__name__} {state}: {name}")
    for model in MODELS
    for state in states(model)
    for name in sorted({step.name for step in transitions(model)})
]
ATTACKS = [pytest.param(model, role, id=f"{model.__name__} by {role}") for model in MODELS for role in ROLES]


def test_every_state_machine_of_ours_is_here() -> None:
    found = {
        model
        for model in apps.get_app_config("payments").get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, FSMField)
    }
    assert found == set(MODELS)


@pytest.mark.parametrize(("model", "state", "name"), CALLS)
def test_a_transition_leads_where_it_is_drawn_and_nowhere_else(
    model: type[Any], state: str, name: str
) -> None:
    row = model(state=state)
    targets = {str(step.target) for step in transitions(model) if (step.name, step.source) == (name, state)}
    if targets:
        getattr(row, name)()
        assert {row.state} == targets
    else:
        with pytest.raises(TransitionNotAllowed):
            getattr(row, name)()
        assert row.state == state


@pytest.mark.parametrize("model", MODELS)
def test_a_state_can_not_be_assigned(model: type[Any]) -> None:
    row = model()
    for state in states(model):
        with pytest.raises(AttributeError):
            row.state = state


@pytest.mark.parametrize("model", MODELS)
def test_every_state_is_reached_from_a_birth(model: type[Any]) -> None:
    """Nothing is drawn that no row can come to, but what is only born."""
    reached = set(BIRTHS[model])
    while more := {new for old, new in drawn(model) if old in reached} - reached:
        reached |= more
    assert reached == set(states(model))


@pytest.fixture(scope="module")
def rows(books: Books, django_db_blocker: Any) -> Iterator[Books]:
    """One of each kind: a captured charge, part of it refunded, and another one, disputed."""
    with pytest.MonkeyPatch.context() as patch:
        _pay(patch)
        yield books


def _pay(patch: pytest.MonkeyPatch) -> None:
    bank = DisputingBank()
    patch.setattr(routing, "processor", {"sandbox": bank}.__getitem__)
    patch.setattr(routing, "vault", ScriptedVault)
    caller = caller_of(f"Bearer {create_merchant('A shop').keys['sk_test']}")
    keys = [Key(caller.merchant_id, False, name, "f", f"req_{name}") for name in "crd"]
    made = create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa"), key=keys[0])
    public_id = json.loads(made.body)["id"]
    create_refund(caller=caller, asked=NewRefund(charge=public_id, amount_minor=1_000), key=keys[1])
    other = create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa"), key=keys[2])
    create_session(caller=caller, asked=SESSION, key=None)
    _pay_out(caller, patch)
    # Last, since it leaves the merchant with less than nothing to pay out.
    patch.setattr(routing, "processor", {"sandbox": bank}.__getitem__)
    charge = Charge.objects.get(public_id=json.loads(other.body)["id"])
    bank.dispute(charge.processor_id)
    learn_disputes(charge, Actor("notification:sandbox"))


def _pay_out(caller: Caller, patch: pytest.MonkeyPatch) -> None:
    bank = ScriptedBank()
    bank.script.append(Approved("auth_1", 5_000, available_at_once=True))
    patch.setattr(routing, "processor", {"sandbox": bank}.__getitem__)
    keys = [Key(caller.merchant_id, False, name, "f", f"req_{name}") for name in "ap"]
    create_charge(caller=caller, asked=NewCharge(5_000, "usd", "tok_visa"), key=keys[0])
    name_bank_account(
        Merchant.objects.get(pk=caller.merchant_id),
        livemode=False,
        currency="usd",
        holder="A shop",
        country="US",
        account_number="000123456789",
    )
    create_payout(caller=caller, asked=NewPayout(1_000, "usd"), key=keys[1])


@contextmanager
def staged(books: Books, table: str) -> Iterator[Any]:
    """A transaction of a superuser's in which only the rule about states is left; nothing of it stays."""
    with books.superuser() as connection:
        connection.autocommit = False
        for rule in OTHER_RULES:
            connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {rule}")
        for trigger in OTHER_TRIGGERS.get(table, ()):
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
        yield connection
        connection.rollback()


def refused(connection: Any, role: str, sql: str, values: list[Any]) -> bool:
    """Whether the rule about states refuses it to that role. What else refuses is an error of the test."""
    with connection.transaction(force_rollback=True):
        connection.execute(f"SET LOCAL ROLE {role}")
        try:
            with connection.transaction():
                connection.execute(sql, values)
        except psycopg.errors.CheckViolation as error:
            assert "can not move" in str(error) or "can not be born" in str(error), error
            return True
    return False


@pytest.mark.parametrize(("model", "role"), ATTACKS)
def test_the_database_draws_the_same_transitions_for_everybody(
    rows: Books, model: type[Any], role: str
) -> None:
    """Every pair of states, tried for real on a row that stands in the first one."""
    table = model._meta.db_table
    accepted = set()
    with staged(rows, table) as connection:
        row = connection.execute(f"SELECT min(id) FROM {table}").fetchone()
        for old in states(model):
            connection.execute("SET session_replication_role = replica")
            connection.execute(f"UPDATE {table} SET state = %s WHERE id = %s", [old, *row])
            connection.execute("SET session_replication_role = origin")
            accepted |= {
                (old, new)
                for new in states(model)
                if new != old
                and not refused(connection, role, f"UPDATE {table} SET state = %s WHERE id = %s", [new, *row])
            }
    assert accepted == drawn(model)


@pytest.mark.parametrize(("model", "role"), ATTACKS)
def test_a_row_is_born_in_an_early_state_only(rows: Books, model: type[Any], role: str) -> None:
    table = model._meta.db_table
    columns = ", ".join(
        str(field.column)
        for field in model._meta.concrete_fields
        if field.column not in ("id", "public_id", "state")
    )
    copy = (
        f"INSERT INTO {table} (public_id, state, {columns}) SELECT 'forged', %s, {columns} FROM {table} "
        f"WHERE id = (SELECT min(id) FROM {table})"
    )
    with staged(rows, table) as connection:
        if model in BOUNDED:
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER bounded")
        born = {state for state in states(model) if not refused(connection, role, copy, [state])}
    assert born == BIRTHS[model]


@pytest.mark.parametrize("model", MODELS)
def test_the_orm_has_no_way_around(rows: Books, model: type[Any]) -> None:
    """`queryset.update()` knows nothing of state machines."""
    row = model.objects.earliest("pk")
    for new in states(model):
        if new != row.state and (row.state, new) not in drawn(model):
            with pytest.raises(IntegrityError):
                model.objects.filter(pk=row.pk).update(state=new)
