"""What must be true after every step, and what once nothing is on its way any more. A new invariant is one function
here: its name is the rule, an AssertionError says who broke it."""

from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from django.db import models
from django_fsm import FSMField

from ledger.checks import registered, title
from payments.models import Charge, Dispute, Operation, PaymentIntent, Payout, Refund
from payments.models.intent import BINDING
from tests.fuzz.seen import Row, Seen

Invariant = Callable[[Seen], None]
ALWAYS: list[Invariant] = []
AT_REST: list[Invariant] = []
CHANGING: dict[str, tuple[type[models.Model], str]] = {
    "intents": (PaymentIntent, "intent"),
    "charges": (Charge, "charge"),
    "operations": (Operation, "operation"),
    "refunds": (Refund, "refund"),
    "disputes": (Dispute, "dispute"),
    "payouts": (Payout, "payout"),
}
OPEN = Operation.OPEN


def always(invariant: Invariant) -> Invariant:
    ALWAYS.append(invariant)
    return invariant


def at_rest(invariant: Invariant) -> Invariant:
    AT_REST.append(invariant)
    return invariant


def drawn(model: type[models.Model]) -> set[tuple[str, str]]:
    """The moves that the model's state machine draws."""
    state = model._meta.get_field("state")
    assert isinstance(state, FSMField)
    return {(str(step.source), str(step.target)) for step in state.get_all_transitions(model)}


MOVES = {name: drawn(model) for name, (model, _) in CHANGING.items()}


@always
def every_ledger_transaction_sums_to_zero(seen: Seen) -> None:
    sums: Counter[tuple[str, str]] = Counter()
    for entry in seen.entries:
        sums[entry.reference, entry.currency] += entry.amount_minor
    assert not any(sums.values()), {place: left for place, left in sums.items() if left}


@always
def verify_ledger_finds_nothing(seen: Seen) -> None:
    """Among what it proves: the ledger's unconfirmed balance is the open operations."""
    found = {title(check): list(check()) for check in registered()}
    assert not any(found.values()), {name: wrong for name, wrong in found.items() if wrong}


@always
def history_only_grows(seen: Seen) -> None:
    if seen.before is None:
        return
    for table, before in seen.before.history.items():
        after = seen.history[table]
        assert after.newest >= before.newest, f"{table} shrank"
        assert after.said_before == before.said, f"{table} does not say what it said before"


@always
def no_row_disappears(seen: Seen) -> None:
    if seen.before is None:
        return
    for name in (*CHANGING, "balances", "claims"):
        lost = set(getattr(seen.before, name)) - set(getattr(seen, name))
        assert not lost, f"{name} {lost} are gone"


@always
def states_move_as_drawn_and_the_timeline_tells_each_move(seen: Seen) -> None:
    for name, (_, prefix) in CHANGING.items():
        told = told_states(seen, prefix)
        for row in getattr(seen, name).values():
            states = told[row.id]
            assert states, f"{row.public_id} has no timeline"
            assert states[-1] == row.state, f"{row.public_id} is {row.state}, its timeline says {states[-1]}"
            for old, new in pairwise(states):
                drawn_or_same = old == new or (old, new) in MOVES[name]
                assert drawn_or_same, f"{row.public_id} went {' → '.join(states)}"


def told_states(seen: Seen, prefix: str) -> dict[int, list[str]]:
    """The states that the timeline tells of each row, in order."""
    id_column = "payment_intent_id" if prefix == "intent" else f"{prefix}_id"
    found: dict[int, list[str]] = defaultdict(list)
    for entry in seen.timeline:
        if state := getattr(entry, f"{prefix}_state"):
            found[getattr(entry, id_column)].append(state)
    return found


@always
def nobody_is_asked_for_what_is_blocked(seen: Seen) -> None:
    for charge in seen.charges.values():
        assert charge.late_of_id or charge.decision_id in seen.decisions, f"{charge.public_id} was not judged"
        if seen.blocked(charge):
            assert charge.state == "failed" and not seen.operations_of(charge), charge


@always
def nothing_is_captured_before_its_review_is_approved(seen: Seen) -> None:
    for charge in seen.charges.values():
        if charge.late_of_id or seen.decisions[charge.decision_id].effective != "review":
            continue
        assert not seen.operations_of(charge, "sale"), charge
        review = seen.review_of(charge)
        assert (review is not None) == (charge.capture_before is not None), charge
        if review is None:
            continue
        assert review.state != "open" or charge.state == "authorized", (review, charge)
        assert charge.state != "captured" or review.state == "approved", (review, charge)
        told = Counter({"review.opened": 1, "review.closed": int(review.state != "open")})
        assert Counter(seen.events_of(review)) == told, review


@always
def captured_is_at_most_authorized(seen: Seen) -> None:
    for charge in seen.charges.values():
        captured = charge.captured_minor
        assert (captured is not None) == (charge.state == "captured"), charge
        assert captured is None or 0 < captured <= charge.amount_minor, charge


@always
def refunds_are_at_most_what_was_captured(seen: Seen) -> None:
    for charge in seen.charges.values():
        open_or_done = [
            refund.amount_minor
            for refund in seen.refunds_of(charge)
            if not refund.voids and refund.state != "failed"
        ]
        assert sum(open_or_done) <= (charge.captured_minor or 0), (charge.public_id, open_or_done)


@always
def one_call_at_a_time_per_charge(seen: Seen) -> None:
    for charge in seen.charges.values():
        own = seen.operations_of(charge)
        calls = [each.public_id for each in own if each.state in OPEN and each.kind != "refund"]
        assert len(calls) <= 1, (charge.public_id, calls)


@always
def one_attempt_at_a_time_per_intent(seen: Seen) -> None:
    """And none beside one that took or holds the money; what came late is no attempt."""
    for intent in seen.intents.values():
        standing = [
            charge.public_id
            for charge in seen.charges_of(intent)
            if charge.late_of_id is None and charge.state not in ("failed", "voided", "expired")
        ]
        assert len(standing) <= 1, (intent.public_id, standing)


@always
def intents_stand_where_their_charges_do(seen: Seen) -> None:
    for intent in seen.intents.values():
        attempts = [charge for charge in seen.charges_of(intent) if charge.late_of_id is None]
        last = attempts[-1].state if attempts else None
        fitting = FITTING[intent.state]
        assert last in fitting, f"{intent.public_id} is {intent.state}, its last charge {last}"


FITTING: dict[str, set[str | None]] = {
    "requires_payment_method": {None, "failed"},
    "requires_confirmation": {None, "failed"},
    "processing": {"processing"},
    "requires_action": {"requires_action"},
    "requires_capture": {"authorized"},
    "succeeded": {"captured"},
    "canceled": {None, "failed", "voided", "expired"},
}


@always
def a_key_has_one_effect(seen: Seen) -> None:
    """Of each kind: one intent made, one attempt that was not turned away undone, one refund, capture or void."""
    effects: Counter[tuple[str, str]] = Counter()
    for operation in seen.operations.values():
        kind = "attempt" if operation.kind in ("sale", "authorize") else operation.kind
        if operation.idempotency_key and not (kind == "attempt" and operation.state == "not_done"):
            effects[operation.idempotency_key, kind] += 1
    for event in seen.events:
        if event.idempotency_key and event.type == "payment_intent.created":
            effects[event.idempotency_key, event.type] += 1
    assert all(count == 1 for count in effects.values()), effects.most_common(3)


@always
def a_kept_answer_stays(seen: Seen) -> None:
    for claim_id, before in (seen.before.claims if seen.before else {}).items():
        after = seen.claims[claim_id]
        if before.answered_at is not None:
            assert (after.status, after.body) == (before.status, before.body), after.key


@always
def an_order_is_bound_once(seen: Seen) -> None:
    """By what our rows say, and by what the banks took or hold for it."""
    bound = Counter(
        intent.order_reference
        for intent in seen.intents.values()
        if intent.order_reference and intent.state in BINDING
    )
    assert all(count == 1 for count in bound.values()), bound
    taken: Counter[str] = Counter()
    excused = _excused(seen)
    orders = {intent.public_id: intent.order_reference for intent in seen.intents.values()}
    for bank in seen.banks:
        for account in bank.accounts.values():
            order = orders.get(account.payment)
            if order and account.reference not in excused:
                taken[order] += account.holds or account.took_minor == account.captured_minor > 0
    assert all(count <= 1 for count in taken.values()), taken


@always
def an_unknown_outcome_is_no_failure(seen: Seen) -> None:
    """Where we say that nothing is taken or held, the bank agrees."""
    excused = _excused(seen)
    for charge in seen.charges.values():
        if charge.state not in ("failed", "voided", "expired") or seen.blocked(charge):
            continue
        bank = seen.bank(charge.processor)
        for operation in seen.operations_of(charge, "sale", "authorize"):
            account = bank.by_reference.get(operation.public_id)
            if account is None or not (account.holds or account.took_minor):
                continue
            assert account.reference in excused, (
                f"{charge.public_id} is {charge.state}, the bank has {account}"
            )


def _excused(seen: Seen) -> set[str]:
    """References that took or hold money against the bank's word that it did nothing; or because a cardholder passed
    a challenge which the merchant had not wanted."""
    unwanted = {
        operation.public_id
        for operation in seen.operations.values()
        if operation.charge_id and seen.charges[operation.charge_id].decline_code == "authentication_required"
    }
    return unwanted.union(*(bank.broke_its_word for bank in seen.banks))


@always
def banks_hear_the_same_order_under_a_reference(seen: Seen) -> None:
    """And are called with nothing held: no transaction, no connection."""
    assert not seen.complaints, seen.complaints[0]


@always
def banks_do_each_reference_once(seen: Seen) -> None:
    ours = {operation.public_id for operation in seen.operations.values()}
    for bank in seen.banks:
        assert all(count == 1 for count in bank.deeds.values()), bank.deeds
        assert set(bank.deeds) <= ours, f"{bank.name} did what nobody has written down"


@always
def the_merchants_balance_is_what_their_transactions_say(seen: Seen) -> None:
    """Each of the two accounts by itself, less what is on its way back to cardholders."""
    expected: Counter[tuple[str, str]] = Counter()
    for row in seen.balances.values():
        expected[row.state, row.currency] += row.amount_minor - row.fee_minor
    for refund in seen.refunds.values():
        if refund.state == "pending" and not refund.voids:
            expected["available" if refund.from_available else "pending", refund.currency] -= (
                refund.amount_minor
            )
    held: Counter[tuple[str, str]] = Counter()
    for address, currency in set(seen.accounts):
        state = address.rpartition(":")[2]
        if address.startswith("merchant:") and state in ("pending", "available"):
            held[state, currency] -= seen.balance(address, currency)
    assert +held == +expected and -held == -expected, f"accounts say {held}, transactions {expected}"


CURRENCIES = ("usd", "eur")


@always
def clearing_is_what_our_charges_and_refunds_say(seen: Seen) -> None:
    owed: Counter[tuple[str, str]] = Counter()
    for charge in seen.charges.values():
        owed[f"processor:{charge.processor}:clearing", charge.currency] += charge.captured_minor or 0
        for refund in seen.refunds_of(charge):
            if refund.state == "succeeded" and not refund.voids:
                owed[f"processor:{charge.processor}:clearing", charge.currency] -= refund.amount_minor
        for dispute in seen.disputes_of(charge):
            if dispute.balance_transaction and not dispute.reversal_balance_transaction:
                owed[f"processor:{charge.processor}:clearing", charge.currency] -= dispute.amount_minor
    for place, amount in owed.items():
        assert seen.balance(*place) == amount, f"{place}: {seen.balance(*place)}, not {amount}"


@always
def every_change_has_its_event(seen: Seen) -> None:
    for charge in seen.charges.values():
        same_events(charge, seen.events_of(charge), _events_of_charge(seen, charge), CHARGE_EVENTS)
    for refund in seen.refunds.values():
        expected = Counter({"refund.created": 1})
        expected["refund.updated"] = (
            refund.state == "succeeded" or refund.failure_balance_transaction is not None
        )
        expected["refund.failed"] = refund.state == "failed"
        same_events(refund, seen.events_of(refund), expected, set(expected))
    told = told_states(seen, "intent")
    for intent in seen.intents.values():
        if not intent.implicit:
            expected = _events_of_intent(told[intent.id])
            # An attempt that is blocked leaves the intent where it waits for another card.
            blocked = sum(seen.blocked(charge) for charge in seen.charges_of(intent))
            expected["payment_intent.payment_failed"] += blocked
            same_events(intent, seen.events_of(intent), expected, set(INTENT_EVENTS.values()))


CHARGE_EVENTS = {"charge.succeeded", "charge.captured", "charge.failed", "charge.expired", "charge.refunded"}
INTENT_EVENTS = {
    ("", "succeeded"): "payment_intent.succeeded",
    ("", "canceled"): "payment_intent.canceled",
    ("", "requires_capture"): "payment_intent.amount_capturable_updated",
    ("processing", "requires_payment_method"): "payment_intent.payment_failed",
    ("requires_action", "requires_payment_method"): "payment_intent.payment_failed",
    ("born", ""): "payment_intent.created",
}


def _events_of_charge(seen: Seen, charge: Row) -> Counter[str]:
    was_held = charge.capture_before is not None
    given_back = [
        refund
        for refund in seen.refunds_of(charge)
        if not refund.voids and refund.balance_transaction is not None
    ]
    return Counter(
        {
            "charge.succeeded": was_held or charge.state == "captured",
            "charge.captured": was_held and charge.state == "captured",
            "charge.failed": charge.state == "failed",
            "charge.expired": charge.state == "expired",
            "charge.refunded": len(given_back) + (charge.state == "voided" and was_held),
        }
    )


def _events_of_intent(states: list[str]) -> Counter[str]:
    expected = Counter({"payment_intent.created": 1})
    for old, new in pairwise(states):
        if old != new and (type_ := INTENT_EVENTS.get((old, new)) or INTENT_EVENTS.get(("", new))):
            expected[type_] += 1
    return expected


def same_events(row: Row, told: list[str], expected: Counter[str], types: set[str]) -> None:
    counted = Counter(type_ for type_ in told if type_ in types)
    assert counted == +Counter({type_: int(count) for type_, count in expected.items()}), (
        f"{row.public_id} is {row.state}: events {dict(counted)}, expected {dict(expected)}"
    )


@always
def every_event_has_its_object_and_goes_out(seen: Seen) -> None:
    objects: dict[str, Any] = {
        row.public_id: row
        for rows in (seen.intents, seen.charges, seen.refunds, seen.disputes, seen.payouts, seen.reviews)
        for row in rows.values()
    }
    for event in seen.events:
        if event.type == "balance.available":
            continue
        assert event.object_id in objects, f"{event.type} is about {event.object_id}, which is nowhere"
        assert event.data["id"] == event.object_id, event.type
    assert seen.outbox == len(seen.events), "an event is not on its way out"


@always
def money_that_came_late_is_on_its_way_back(seen: Seen) -> None:
    for charge in seen.charges.values():
        if charge.late_of_id is None:
            continue
        own = seen.operations_of(charge, "refund", "void")
        assert own, f"{charge.public_id} came late and nothing gives it back"


@at_rest
def nothing_is_open(seen: Seen) -> None:
    left = [(each.public_id, each.kind) for each in seen.operations.values() if each.state in OPEN]
    assert not left, left


@at_rest
def every_claimed_key_has_its_answer(seen: Seen) -> None:
    waiting = [claim.key for claim in seen.claims.values() if claim.answered_at is None]
    assert not waiting, waiting


@at_rest
def our_books_are_the_banks_to_the_cent(seen: Seen) -> None:
    for bank in seen.banks:
        for currency in CURRENCIES:
            took = sum(
                each.took_minor - bank.disputed_minor(each)
                for each in bank.accounts.values()
                if each.currency == currency
            )
            booked = seen.balance(f"processor:{bank.name}:clearing", currency)
            assert booked == took, f"{bank.name} has {took} {currency}, our books say {booked}"


@always
def a_dispute_is_booked_once_and_told_once(seen: Seen) -> None:
    """However often, in whatever order and by how many it was heard of."""
    booked = Counter(
        (row.source, row.amount_minor < 0) for row in seen.balances.values() if row.type == "adjustment"
    )
    for dispute in seen.disputes.values():
        assert dispute.processor_id in seen.bank(dispute.processor).reports, dispute.public_id
        taken, won = dispute.balance_transaction is not None, dispute.state == "won"
        assert (booked[dispute.public_id, True], booked[dispute.public_id, False]) == (taken, won), dispute
        told = Counter(seen.events_of(dispute))
        expected = {"created": 1, "funds_withdrawn": taken, "funds_reinstated": won}
        expected["closed"] = dispute.next_look_at is None
        for type_, number in expected.items():
            assert told[f"charge.dispute.{type_}"] == number, (dispute.state, told)
    ids = Counter(dispute.processor_id for dispute in seen.disputes.values())
    assert all(count == 1 for count in ids.values()), ids


@at_rest
def our_disputes_stand_where_the_banks_do(seen: Seen) -> None:
    ours = {dispute.processor_id: dispute.state for dispute in seen.disputes.values()}
    theirs = {id: report.state for bank in seen.banks for id, report in bank.reports.items()}
    assert ours == theirs
    assert not any(dispute.wanted for dispute in seen.disputes.values())


@at_rest
def nothing_is_held_that_we_forgot(seen: Seen) -> None:
    known = {charge.processor_id for charge in seen.charges.values() if charge.state == "authorized"}
    for bank in seen.banks:
        for account in bank.accounts.values():
            assert not account.holds or account.id in known, f"{bank.name} still holds {account}"


@at_rest
def a_payment_is_taken_once(seen: Seen) -> None:
    """What a bank took beside it was given back, as far as the bank let us."""
    for intent in seen.intents.values():
        standing = [
            charge.public_id
            for charge in seen.charges_of(intent)
            if charge.captured_minor
            and not any(refund.state == "failed" for refund in seen.refunds_of(charge))
            and sum(refund.amount_minor for refund in seen.refunds_of(charge)) < charge.captured_minor
        ]
        assert len(standing) <= 1, (intent.public_id, standing)
