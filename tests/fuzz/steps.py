"""How a step of the machine is taken: with faults, perhaps to the death, and with a story for whoever reads of a
failure; and how a run comes to rest."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any, ClassVar

from hypothesis.stateful import RuleBasedStateMachine, invariant

from payments.attempts import Actor
from payments.services.learn import learn
from tests.fuzz.deeds import Act, Deed, Target, prepare, target_of
from tests.fuzz.payout_invariants import ALWAYS, AT_REST
from tests.fuzz.street import Crash, Faults
from tests.fuzz.world import World, Worlds

STORY_LINES = 60
# What came late is given back in a second round, and what fails then is learned of in a third.
MOST_ROUNDS = 6
HONESTLY = Faults()


class Steps(RuleBasedStateMachine):
    worlds: ClassVar[Worlds]
    # Called after each step, for whoever shows progress.
    watchers: ClassVar[list[Callable[[], object]]] = []

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self.world: World = self._stack.enter_context(self.worlds.open())
        self.banks = self.world.banks

    def teardown(self) -> None:
        with self._stack:
            if sys.exc_info()[0] is None:
                self.come_to_rest()

    @invariant()
    def nothing_is_broken(self) -> None:
        with self._told():
            seen = self.world.look()
            for each in ALWAYS:
                each(seen)
        for watch in self.watchers:
            watch()

    @contextmanager
    def step(self, what: str, faults: Faults = HONESTLY, *, frozen: bool = False) -> Iterator[None]:
        """With these faults; who dies in it holds nothing any more, unless it is only frozen."""
        self.world.note(f"— {what} {faults}")
        with self._told(), self.world.street.disturbed(faults):
            try:
                yield
            except Crash as crash:
                self.world.note(f"died: {crash}")
                if not frozen:
                    self.world.bury()

    def do(
        self,
        deed: Deed,
        pick: int,
        part: int,
        faults: Faults = HONESTLY,
        *,
        any_state: bool = False,
        dies_at: str = "",
        frozen: bool = False,
    ) -> None:
        target = target_of(self.world, deed, pick, any_state=any_state)
        told = f"{deed}, and die at {dies_at}" if dies_at else deed
        with self.step(told, faults, frozen=frozen):
            if dies_at:
                self.world.street.make_deadly(dies_at)
            self.act(deed, target, part)()

    def act(self, deed: Deed, target: Target, part: int) -> Act:
        return prepare(self.world, deed, target, part)

    def post_charge(
        self,
        amount: int = 10_000,
        *,
        capture: bool = True,
        currency: str = "usd",
        order: str | None = None,
        source: str = "tok_visa",
    ) -> None:
        asked = {
            "amount": amount,
            "currency": currency,
            "source": source,
            "capture": str(capture).lower(),
            "order_reference": order,
        }
        self.world.post("/v1/charges", asked)

    def post_intent(self, amount: int = 10_000, **asked: Any) -> None:
        usual = {"amount": amount, "currency": "usd", "payment_method_types[]": "card"}
        self.world.post("/v1/payment_intents", usual | asked)

    def any_of(self, listed: Callable[[Any], Any], pick: int) -> tuple[Any, Any] | None:
        """Some thing at some bank, with its bank; the newest first."""
        found = [(bank, each) for bank in self.banks for each in listed(bank)]
        if not found:
            return None
        chosen = found[-1 - pick % len(found)]
        self.world.note(f"{chosen[1]} at {chosen[0].name}")
        return chosen

    def come_to_rest(self) -> None:
        """Banks are honest again, all that was on its way arrives, and beat goes on until nothing is open."""
        with self._told():
            self.world.note("— to rest")
            for bank in self.banks:
                for request in bank.on_their_way:
                    bank.arrive(request)
                for reference in list(bank.undecided):
                    bank.decide(reference)
            self.world.pass_time(timedelta(minutes=5))
            for _ in range(MOST_ROUNDS):
                before = len(self.world.now.timeline)
                self.world.sweep()
                self.world.look_after()
                self.world.find_disputes()
                self.world.look_after_disputes()
                self.world.look_after_payouts()
                for operation in self.world.look().operations.values():
                    learn(operation.public_id, Actor("fuzz"))
                if len(self.world.look().timeline) == before:
                    break
            self.nothing_is_broken()
            for each in AT_REST:
                each(self.world.now)
            self._ask_again()

    def _ask_again(self) -> None:
        """Every key that was ever taken has one answer, whoever asks and whatever Redis has forgotten."""
        kept = {claim.key: (claim.status, claim.body) for claim in self.world.now.claims.values()}
        for sent in self.world.sent:
            if sent.key in kept:
                self.world.forget_in_redis(sent)
                self.world.send(sent)
                assert sent.finals == {kept[sent.key]}, (sent, kept[sent.key])
        for path in ("/v1/charges", "/v1/payment_intents", "/v1/refunds", "/v1/payouts"):
            self.world.get(f"{path}?limit=100")

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            error.add_note("\n".join(self.world.story[-STORY_LINES:]))
            raise
