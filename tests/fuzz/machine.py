"""The state machine: merchants, cardholders, banks, beat, time and death take turns, and nothing may ever break.

No draw depends on what is in the database, since threads race: whatever a rule is given, it finds something to do.
Hypothesis draws a rule the more often the fewer arguments it has and the earlier its name comes.
"""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from payments import health
from tests.fuzz.deeds import CARDS, METHODS, RISKY, Deed, prepare, target_of
from tests.fuzz.steps import Steps
from tests.fuzz.street import Faults, Look, Meanwhile, Order, fault_points, in_threads

A_MOMENT = timedelta(seconds=40)
CHALLENGE_IS_OVER = timedelta(minutes=31)
TOO_LONG_FOR_A_CHARGE = timedelta(hours=2)
AUTHORIZATION_IS_OVER = timedelta(days=8)
DAYS_UNTIL_AVAILABLE = timedelta(days=3)
# Doubt leads furthest.
MOODS = [*Order, Order.CHALLENGES, Order.SILENT, Order.LOST, Order.LATE]
NOT_DONE = [Order.UNREACHABLE, Order.TURNS_AWAY, Order.LIES]
# Those that a bank hears of.
CALLS = [
    Deed.CONFIRM,
    Deed.CAPTURE,
    Deed.CANCEL,
    Deed.REFUND,
    Deed.COME_BACK,
    Deed.SWEEP,
    Deed.ANSWER,
    Deed.PAY_OUT,
    Deed.APPROVE,
    Deed.REJECT,
]

picks = st.integers(0, 7)
parts = st.integers(0, 6)
rarely = st.sampled_from([False, False, False, True])
amounts = st.sampled_from([10_000, 100, 50, 4_321])
currencies = st.sampled_from(["usd", "usd", "eur"])
orders = st.sampled_from([None, None, "1", "2"])
methods = st.sampled_from(METHODS)
faults = st.builds(
    lambda orders, looks: Faults(tuple(orders), tuple(looks)),
    orders=st.lists(st.sampled_from(MOODS), max_size=2),
    looks=st.lists(st.sampled_from(Look), max_size=2),
)
points = st.sampled_from(sorted(fault_points()))
deeds = st.sampled_from([*Deed, Deed.SWEEP, Deed.LEARN])
calls = st.sampled_from(CALLS)


class Gateway(Steps):
    @initialize(method=methods, capture=st.booleans())
    def open_shop(self, method: str, capture: bool) -> None:
        """There is always something to do something to."""
        with self.step("the shop opens"):
            self.post_charge(capture=capture)
            self.post_intent(capture_method=method, payment_method=CARDS[0])

    # What clients do.

    @rule(
        first=st.sampled_from(
            [
                ("automatic", Order.HONEST),
                ("manual", Order.HONEST),
                ("automatic", Order.CHALLENGES),
                ("manual", Order.CHALLENGES),
            ]
        )
    )
    def a_payment(self, first: tuple[str, Order]) -> None:
        """One that goes well so far."""
        method, mood = first
        with self.step("a payment", Faults((mood,))):
            self.post_intent(capture_method=method, payment_method=CARDS[0], confirm="true")

    @rule(
        card=st.sampled_from((*RISKY, RISKY[0])),
        capture=st.booleans(),
        ends=st.sampled_from([Deed.APPROVE, Deed.REJECT, Deed.END_REVIEWS, Deed.CAPTURE, None]),
    )
    def a_risky_charge(self, card: str, capture: bool, ends: Deed | None) -> None:
        """Held until somebody has looked, who perhaps does at once; or blocked."""
        with self.step("a risky charge"):
            self.post_charge(capture=capture, source=card)
        if ends:
            self.do(ends, 0, 0)

    @rule(deed=st.sampled_from([Deed.APPROVE, Deed.REJECT, Deed.END_REVIEWS]), pick=picks, faults=faults)
    def decide(self, deed: Deed, pick: int, faults: Faults) -> None:
        self.do(deed, pick, 0, faults)

    @rule(amount=amounts, currency=currencies, order=orders, capture=st.booleans(), faults=faults)
    def charge(self, amount: int, currency: str, order: str | None, capture: bool, faults: Faults) -> None:
        with self.step("charge", faults):
            self.post_charge(amount, capture=capture, currency=currency, order=order)

    @rule(
        amount=amounts,
        currency=currencies,
        order=orders,
        method=methods,
        card=st.sampled_from((*CARDS, *RISKY, None)),
        confirm=st.booleans(),
        picky=rarely,
        faults=faults,
    )
    def make_intent(
        self,
        amount: int,
        currency: str,
        order: str | None,
        method: str,
        card: str | None,
        confirm: bool,
        picky: bool,
        faults: Faults,
    ) -> None:
        with self.step("make an intent", faults):
            self.post_intent(
                amount,
                currency=currency,
                order_reference=order,
                capture_method=method,
                payment_method=card,
                confirm="true" if confirm else None,
                error_on_requires_action="true" if confirm and picky else None,
            )

    @rule(pick=picks, part=parts, any_state=rarely, faults=faults)
    def confirm(self, pick: int, part: int, any_state: bool, faults: Faults) -> None:
        self.do(Deed.CONFIRM, pick, part, faults, any_state=any_state)

    @rule(pick=picks, part=parts, any_state=rarely, faults=faults)
    def capture(self, pick: int, part: int, any_state: bool, faults: Faults) -> None:
        self.do(Deed.CAPTURE, pick, part, faults, any_state=any_state)

    @rule(pick=picks, any_state=rarely, faults=faults)
    def cancel(self, pick: int, any_state: bool, faults: Faults) -> None:
        self.do(Deed.CANCEL, pick, 0, faults, any_state=any_state)

    @rule(pick=picks, part=parts, any_state=rarely, faults=faults)
    def refund(self, pick: int, part: int, any_state: bool, faults: Faults) -> None:
        self.do(Deed.REFUND, pick, part, faults, any_state=any_state)

    @rule(part=parts, day=st.booleans(), faults=faults)
    def a_payout(self, part: int, day: bool, faults: Faults) -> None:
        """Of what is available, perhaps once days have passed; perhaps of more."""
        if day:
            self.world.pass_time(DAYS_UNTIL_AVAILABLE)
            self.do(Deed.AVAILABLE, 0, 0)
            self.world.look()
        self.do(Deed.PAY_OUT, 0, part, faults)

    @rule(part=parts, faults=faults)
    def call_a_payout_back(self, part: int, faults: Faults) -> None:
        self.do(Deed.CALL_BACK, 0, part, faults)

    @rule(deed=st.sampled_from([Deed.UPDATE, Deed.DESCRIBE]), pick=picks, part=parts, any_state=rarely)
    def write(self, deed: Deed, pick: int, part: int, any_state: bool) -> None:
        self.do(deed, pick, part, any_state=any_state)

    @rule(pick=picks, forgotten=st.booleans(), changed=rarely, faults=faults)
    def repeat(self, pick: int, forgotten: bool, changed: bool, faults: Faults) -> None:
        """The same request under the same key, or another one; Redis may have forgotten the answer."""
        sent = self.world.sent[-1 - pick % len(self.world.sent)]
        claimed = any(claim.key == sent.key for claim in self.world.now.claims.values())
        with self.step("repeat", faults):
            if forgotten:
                self.world.forget_in_redis(sent)
            if changed and claimed:
                status, text = self.world.send(sent, description="another request")
                assert status == 400, text
            elif not changed:
                self.world.send(sent)

    # What cardholders and banks do.

    @rule(pick=picks, faults=faults)
    def come_back(self, pick: int, faults: Faults) -> None:
        self.do(Deed.COME_BACK, pick, 0, faults)

    @rule(pick=picks, passed=st.booleans())
    def answer_challenge(self, pick: int, passed: bool) -> None:
        with self.step(f"a cardholder passes a challenge: {passed}"):
            if found := self.any_of(lambda bank: bank.challenges, pick):
                bank, account = found
                bank.answer_challenge(account, passed=passed)

    @rule(pick=picks, despite_tombstone=st.booleans())
    def an_order_arrives(self, pick: int, despite_tombstone: bool) -> None:
        with self.step("an order arrives"):
            if found := self.any_of(lambda bank: bank.on_their_way, pick):
                bank, request = found
                bank.on_their_way.remove(request)
                bank.arrive(request, despite_tombstone=despite_tombstone)
            if found := self.any_of(lambda bank: bank.undecided, pick):
                bank, reference = found
                bank.decide(reference)

    @rule(pick=picks, told=st.booleans())
    def a_refund_fails(self, pick: int, told: bool) -> None:
        with self.step("a refund fails"):
            if found := self.any_of(lambda bank: bank.refunds, pick):
                bank, reference = found
                bank.fail_refund(reference)
                if told:
                    self.world.notify(bank, reference, times=1)
                    self.world.apply_notifications()

    @rule(pick=picks, choice=st.integers(0, 5), told=st.booleans())
    def a_cardholder_disputes(self, pick: int, choice: int, told: bool) -> None:
        """Or their bank goes on with what they said before; we hear of it, or do not."""
        with self.step("a dispute moves"):
            if found := self.any_of(lambda bank: bank.taken, pick):
                bank, account = found
                bank.move_dispute(account, choice)
                if told:
                    self.world.notify(bank, account.reference, times=1)
                    self.world.apply_notifications()

    @rule(pick=picks, part=parts, any_state=rarely, faults=faults)
    def answer_dispute(self, pick: int, part: int, any_state: bool, faults: Faults) -> None:
        self.do(Deed.ANSWER, pick, part, faults, any_state=any_state)

    @rule(pick=picks, returned=rarely, told=st.booleans())
    def a_payout_ends(self, pick: int, returned: bool, told: bool) -> None:
        with self.step(f"a payout comes back: {returned}"):
            if found := self.any_of(lambda bank: bank.payouts, pick):
                bank, reference = found
                bank.end_payout(reference, returned=returned)
                if told:
                    self.world.notify(bank, reference, times=1)
                    self.world.apply_notifications()
                else:
                    self.world.look_after_payouts()

    @rule(pick=picks, times=st.integers(1, 2), apply=st.booleans(), faults=faults)
    def notify(self, pick: int, times: int, apply: bool, faults: Faults) -> None:
        """In any order, some twice, some about what nobody has heard of; applied at once or later."""
        with self.step("notify", faults):
            if found := self.any_of(lambda bank: bank.news, pick):
                bank, reference = found
                self.world.notify(bank, reference, times=times)
            if apply:
                self.world.apply_notifications()

    @rule(pick=picks, part=parts, faults=faults)
    def learn(self, pick: int, part: int, faults: Faults) -> None:
        self.do(Deed.LEARN, pick, part, faults)

    # What beat, time and death do.

    @rule(after=st.sampled_from([timedelta(), A_MOMENT, TOO_LONG_FOR_A_CHARGE]), faults=faults)
    def sweep(self, after: timedelta, faults: Faults) -> None:
        self.world.pass_time(after)
        self.do(Deed.SWEEP, 0, 0, faults)

    @rule(
        after=st.sampled_from([timedelta(), A_MOMENT, CHALLENGE_IS_OVER, AUTHORIZATION_IS_OVER]),
        faults=faults,
    )
    def look_after(self, after: timedelta, faults: Faults) -> None:
        self.world.pass_time(after)
        self.do(Deed.LOOK_AFTER, 0, 0, faults)

    @rule(passed=st.sampled_from([A_MOMENT, CHALLENGE_IS_OVER, TOO_LONG_FOR_A_CHARGE]), look=st.booleans())
    def time_passes(self, passed: timedelta, look: bool) -> None:
        with self.step("time passes"):
            self.world.pass_time(passed)
            if look:
                self.world.look_after()

    @rule(which=st.integers(0, 1), opens=st.booleans())
    def turn_breaker(self, which: int, opens: bool) -> None:
        turn = health.open_breaker if opens else health.close_by_hand
        with self.step(f"the breaker of {self.banks[which].name} opens: {opens}"):
            turn(self.banks[which].name, "a step says so")

    @rule(deed=calls, pick=picks, part=parts, point=points, frozen=st.booleans(), faults=faults)
    def die(self, deed: Deed, pick: int, part: int, point: str, frozen: bool, faults: Faults) -> None:
        """At a fault point, if the deed comes by it. A frozen process holds its claims until their leases end."""
        self.do(deed, pick, part, faults, dies_at=point, frozen=frozen)

    @rule(capture=st.booleans(), order=orders, point=points, frozen=st.booleans(), faults=faults)
    def die_charging(
        self, capture: bool, order: str | None, point: str, frozen: bool, faults: Faults
    ) -> None:
        with self.step(f"charge, and die at {point}", faults, frozen=frozen):
            self.world.street.make_deadly(point)
            self.post_charge(capture=capture, order=order)

    # Two at once.

    @rule(first=calls, second=deeds, pick=picks, part=parts, other_part=parts, faults=faults)
    def race(self, first: Deed, second: Deed, pick: int, part: int, other_part: int, faults: Faults) -> None:
        """Two deeds on the same payment, by two threads."""
        target = target_of(self.world, first, pick)
        with self.step(f"{first} and {second} at once", faults):
            in_threads([self.act(first, target, part), self.act(second, target, other_part)])

    @rule(deed=calls, pick=picks, part=parts, faults=faults)
    def race_itself(self, deed: Deed, pick: int, part: int, faults: Faults) -> None:
        """One request sent twice at once, under one key."""
        act = self.act(deed, target_of(self.world, deed, pick), part)
        with self.step(f"{deed}, and again at once", faults):
            in_threads([act, act])

    @rule(
        deed=calls, other=deeds, pick=picks, part=parts, other_part=parts, late=st.booleans(), faults=faults
    )
    def interrupt(
        self, deed: Deed, other: Deed, pick: int, part: int, other_part: int, late: bool, faults: Faults
    ) -> None:
        """Another deed on the same payment, from beginning to end, while the bank works on the first; or after its
        work, before we hear of it."""
        target = target_of(self.world, deed, pick)
        with self.step(f"{deed}, and {other} during the call", faults):
            self.world.street.plan(Meanwhile(self.act(other, target, other_part), late))
            self.act(deed, target, part)()

    @rule(capture=st.booleans(), other=deeds, order=orders, part=parts, late=st.booleans(), faults=faults)
    def interrupt_a_charge(
        self, capture: bool, other: Deed, order: str | None, part: int, late: bool, faults: Faults
    ) -> None:
        def act() -> None:
            self.world.look()
            prepare(self.world, other, target_of(self.world, Deed.SWEEP, 0), part)()

        with self.step(f"charge, and {other} during the call", faults):
            self.world.street.plan(Meanwhile(act, late))
            self.post_charge(capture=capture, order=order)

    @rule(capture=st.booleans(), said=st.sampled_from(NOT_DONE), then=st.sampled_from(MOODS))
    def overtake(self, capture: bool, said: Order, then: Order) -> None:
        """The bank says that it did not do it, when the sweeper has sent it again meanwhile."""
        with self.step("charge, and sweep during the call", Faults((said, then))):
            self.world.street.plan(Meanwhile(self.world.sweep, False))
            self.post_charge(capture=capture)
