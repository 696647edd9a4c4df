"""What the state machine has found, each in as few steps as it takes."""

import threading
import time
from datetime import timedelta

from django.db import connection, transaction

from payments.attempts import Actor
from payments.models import Operation
from payments.services.finish import end_operation
from payments.services.learn import learn
from processors.protocol import Approved
from tests.fuzz.invariants import ALWAYS, AT_REST
from tests.fuzz.seen import Row, Seen
from tests.fuzz.street import Faults, Order
from tests.fuzz.world import World

BEAT = Actor("beat")
CARD = {"payment_method": "pm_card_visa", "payment_method_types[]": "card"}
HELD_AND_LOST = Faults((Order.LIES, Order.DECLINES))


def pay(world: World, faults: Faults, **asked: str) -> Row:
    """100.00 USD, confirmed with the intent's making. The intent."""
    with world.street.disturbed(faults):
        world.post(
            "/v1/payment_intents", {"amount": 10_000, "currency": "usd", "confirm": "true"} | CARD | asked
        )
    return list(world.look().intents.values())[-1]


def learn_of_all(world: World) -> None:
    for operation in world.look().operations.values():
        learn(operation.public_id, BEAT)
        connection.close()


def nothing_is_broken(world: World) -> Seen:
    seen = world.look()
    for invariant in ALWAYS:
        invariant(seen)
    return seen


def test_a_hold_that_comes_late_is_a_hold_whatever_its_intent_says_by_then(world: World) -> None:
    intent = pay(world, HELD_AND_LOST, capture_method="manual")
    world.post(f"/v1/payment_intents/{intent.public_id}", {"capture_method": "automatic"})
    learn_of_all(world)
    world.sweep()
    seen = nothing_is_broken(world)
    assert [charge.state for charge in seen.charges.values()] == ["failed", "failed", "voided"]
    for invariant in AT_REST:
        invariant(seen)


def test_a_sale_that_comes_late_is_a_sale_whatever_its_intent_says_by_then(world: World) -> None:
    intent = pay(world, HELD_AND_LOST)
    world.post(f"/v1/payment_intents/{intent.public_id}", {"capture_method": "manual"})
    learn_of_all(world)
    world.sweep()
    seen = nothing_is_broken(world)
    assert [refund.state for refund in seen.refunds.values()] == ["succeeded"]
    for invariant in AT_REST:
        invariant(seen)


def test_the_merchant_hears_of_a_refund_of_what_came_late(world: World) -> None:
    pay(world, HELD_AND_LOST)
    learn_of_all(world)
    seen = nothing_is_broken(world)
    (refund,) = seen.refunds.values()
    assert seen.events_of(refund) == ["refund.created"]


def test_a_late_hold_that_nobody_could_void_expires_alone(world: World) -> None:
    """Its intent was paid in another way meanwhile."""
    intent = pay(world, HELD_AND_LOST, capture_method="manual")
    world.post(f"/v1/payment_intents/{intent.public_id}/confirm", {})
    world.post(f"/v1/payment_intents/{intent.public_id}/capture", {})
    learn_of_all(world)
    with world.street.disturbed(Faults((Order.DECLINES,))):
        world.sweep()
    world.pass_time(timedelta(days=8))
    world.look_after()
    seen = nothing_is_broken(world)
    assert [charge.state for charge in seen.charges.values()] == ["failed", "failed", "captured", "expired"]
    assert seen.intents[intent.id].state == "succeeded"


def test_the_timeline_knows_what_was_committed_while_it_waited(world: World) -> None:
    """A refund that finds its charge locked by the authorization's end tells of the intent as that left it."""
    intent = pay(world, Faults((Order.SILENT,)), capture_method="manual")
    (operation,) = world.now.operations.values()
    asked = world.write("/v1/refunds", {"payment_intent": intent.public_id})
    refund = threading.Thread(target=world.send, args=[asked])
    account = world.banks[0].by_reference[operation.public_id]
    with transaction.atomic():
        end_operation(operation.id, Approved(account.id, 10_000), BEAT)
        refund.start()
        time.sleep(0.5)
    refund.join()
    connection.close()
    assert Operation.objects.filter(kind="void").exists()
    nothing_is_broken(world)
