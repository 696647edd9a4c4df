"""A little bank in memory. What it really did is known by reference, whatever it says; and it does each reference
once. It speaks the protocol of the real adapters."""

import json
from collections import Counter
from collections.abc import Mapping

from processors.protocol import (
    ActionRequired,
    Approved,
    Arrived,
    AuthorizationRequest,
    Capabilities,
    CaptureRequest,
    CompletionRequest,
    Declined,
    Failed,
    FollowUp,
    NotFound,
    Notification,
    NotificationRefused,
    NotSent,
    Outcome,
    PayoutRequest,
    Pending,
    RefundRequest,
    Tombstoned,
    Unknown,
    VoidRequest,
)
from tests.fuzz.complaints import NOT_ALLOWED, Account, Complaints
from tests.fuzz.street import Crash, Look, Order, Street

Request = AuthorizationRequest | FollowUp | PayoutRequest


class Bank(Complaints):
    capabilities = Capabilities(payouts=True)

    def __init__(self, name: str, street: Street, *, takes_at_challenge: bool) -> None:
        """`takes_at_challenge`: a passed challenge moves the money at once; else the completion does."""
        super().__init__(street)
        self.name = name
        self.takes_at_challenge = takes_at_challenge
        self.by_reference: dict[str, Account] = {}
        self.answers: dict[str, Outcome] = {}
        self.tombstones: set[str] = set()
        self.on_their_way: list[Request] = []
        self.undecided: dict[str, Request] = {}
        self.deeds: Counter[str] = Counter()
        # References of which the bank said that nothing was done, and that took or held money all the same.
        self.broke_its_word: set[str] = set()
        self._asked: dict[str, Request] = {}

    # What the gateway may call.

    def authorize(self, request: AuthorizationRequest, *, timeout_seconds: float) -> Outcome:
        return self._take(request)

    def complete(self, request: CompletionRequest, *, timeout_seconds: float) -> Outcome:
        return self._take(request)

    def capture(self, request: CaptureRequest, *, timeout_seconds: float) -> Outcome:
        return self._take(request)

    def void(self, request: VoidRequest, *, timeout_seconds: float) -> Outcome:
        return self._take(request)

    def refund(self, request: RefundRequest, *, timeout_seconds: float) -> Outcome:
        return self._take(request)

    def pay_out(self, request: PayoutRequest, *, timeout_seconds: float) -> Outcome:
        return self._take(request)

    def look_up(self, reference: str, *, timeout_seconds: float) -> Outcome | NotFound:
        self._watch(f"the lookup of {reference}")
        match self._street.next_look():
            case Look.UNKNOWN:
                return NotFound()
            case Look.AWAY:
                return Unknown("the bank is away")
        with self._lock:
            return self._word(reference)

    def void_by_reference(self, reference: str, *, timeout_seconds: float) -> Outcome:
        self._watch(f"the voiding of {reference}")
        if self._street.next_look() is Look.AWAY:
            return Unknown("the bank is away")
        with self._lock:
            self.undecided.pop(reference, None)
            account = self.by_reference.get(reference)
            if account is None:
                self.tombstones.add(reference)
            elif (
                account.refunded_minor
                or self.disputes_of(account)
                or account.captured_minor not in (0, self._own_capture(account))
            ):
                return self._account_word(account)
            elif account.state != "declined":
                account.state, account.captured_minor = "undone", 0
            return Tombstoned()

    def read_notification(self, *, body: bytes, headers: Mapping[str, str], now: float) -> Notification:
        if headers.get("signature") != self.name:
            raise NotificationRefused("not signed")
        told = json.loads(body)
        return Notification(told["id"], told["reference"], told["kind"])

    # What happens at the bank by itself.

    def arrive(self, request: Request, *, despite_tombstone: bool = False) -> None:
        """An order that was on its way comes in. A bank that forgets its promise does it despite a tombstone."""
        with self._lock:
            reference = request.reference
            if despite_tombstone and reference in self.tombstones:
                self.tombstones.discard(reference)
                self.broke_its_word.add(reference)
            self._perform(request, Order.HONEST)

    def decide(self, reference: str) -> None:
        with self._lock:
            if request := self.undecided.pop(reference, None):
                self._perform(request, Order.HONEST)

    def answer_challenge(self, account: Account, *, passed: bool) -> None:
        with self._lock:
            if account.state != "challenged":
                return
            if not passed:
                account.decline("authentication_failed")
            elif self.takes_at_challenge:
                account.approve()
            else:
                account.state = "authenticated"
            self.news.append(account.reference)

    def fail_refund(self, reference: str) -> None:
        """The cardholder's bank sends it back."""
        with self._lock:
            request, answer = self._asked[reference], self.answers[reference]
            if isinstance(request, RefundRequest) and isinstance(answer, Approved):
                self.accounts[request.processor_id].refunded_minor -= request.amount_minor
                self.answers[reference] = Failed(answer.processor_id, "expired_or_canceled_card")
                self.news.append(reference)

    def end_payout(self, reference: str, *, returned: bool) -> None:
        """It is on the merchant's account; or that bank sends it back, before or after."""
        with self._lock:
            request, answer = self._asked[reference], self.answers[reference]
            if not isinstance(request, PayoutRequest) or isinstance(answer, Declined | Failed):
                return
            self.answers[reference] = (
                Failed(f"did_{reference}", "account_closed")
                if returned
                else Arrived(f"did_{reference}", request.amount_minor)
            )
            self.news.append(reference)

    @property
    def payouts(self) -> list[str]:
        """References of those that it took in."""
        return [
            reference
            for reference, answer in self.answers.items()
            if isinstance(self._asked[reference], PayoutRequest) and not isinstance(answer, Declined)
        ]

    def paid_out_minor(self, currency: str) -> int:
        """What left our account there and did not come back."""
        sent = [self._asked[reference] for reference in self.payouts]
        stands = [request for request in sent if not isinstance(self.answers[request.reference], Failed)]
        return sum(
            request.amount_minor
            for request in stands
            if isinstance(request, PayoutRequest) and request.currency == currency
        )

    @property
    def refunds(self) -> list[str]:
        """References of those that stand."""
        return [
            reference
            for reference, answer in self.answers.items()
            if isinstance(answer, Approved) and isinstance(self._asked[reference], RefundRequest)
        ]

    @property
    def challenges(self) -> list[Account]:
        return [account for account in self.accounts.values() if account.state == "challenged"]

    # How it works.

    def _take(self, request: Request) -> Outcome:
        self._watch(f"{type(request).__name__} {request.reference}")
        mood = self._street.next_order()
        self._street.pass_time(after_the_work=False)
        with self._lock:
            first = self._asked.setdefault(request.reference, request)
            if first != request:
                self._street.complaints.append(f"{request.reference} was {first}, and is now {request}")
            outcome = self._met(request, mood, again=first is not request)
        self._street.pass_time(after_the_work=True)
        return outcome

    def _met(self, request: Request, mood: Order, *, again: bool) -> Outcome:
        reference = request.reference
        match mood:
            case Order.UNREACHABLE:
                return NotSent("no connection", "connection_failed")
            case Order.TURNS_AWAY:
                return NotSent("turned away", "processor_refused")
            case Order.LOST:
                return Unknown("lost on the way")
            case Order.LATE:
                self.on_their_way.append(request)
                return Unknown("still on its way")
            case Order.DIES_BEFORE:
                raise Crash("before the bank's work")
            case Order.UNDECIDED if isinstance(self._word(reference), NotFound):
                self.undecided[reference] = request
                return self._word(reference)  # type: ignore[return-value]
        outcome = self._perform(request, mood)
        match mood:
            case Order.SILENT:
                return Unknown("no answer")
            case Order.DIES_AFTER:
                raise Crash("after the bank's work")
            case Order.LIES if isinstance(request, AuthorizationRequest):
                if not again and isinstance(outcome, Approved | ActionRequired):
                    self.broke_its_word.add(reference)
                return NotSent("not done, says the bank", "processor_refused")
        return outcome

    def _perform(self, request: Request, mood: Order) -> Outcome:
        known = self._word(request.reference)
        if not isinstance(known, NotFound):
            return known
        if isinstance(request, PayoutRequest):
            said = NOT_ALLOWED if mood is Order.DECLINES else _did(request)
            self.answers[request.reference] = said
            self._count(request.reference)
            return said
        if not isinstance(request, AuthorizationRequest):
            answer = self._follow(request, self.accounts[request.processor_id], mood)
            if not isinstance(answer, ActionRequired):
                self.answers[request.reference] = answer
                self._count(request.reference)
            return answer
        account = Account(
            id=f"auth_{len(self.accounts)}_{self.name}",
            reference=request.reference,
            payment=request.payment,
            amount_minor=request.amount_minor,
            currency=request.currency,
            captures=request.capture,
        )
        match mood:
            case Order.DECLINES:
                account.decline("insufficient_funds")
            case Order.CHALLENGES:
                account.state = "challenged"
            case _:
                account.approve()
        self.accounts[account.id] = self.by_reference[account.reference] = account
        self._count(request.reference)
        return self._account_word(account)

    def _follow(self, request: FollowUp, account: Account, mood: Order) -> Outcome:
        declines = mood is Order.DECLINES
        match request:
            case CompletionRequest():
                if account.state == "authenticated":
                    account.decline("insufficient_funds") if declines else account.approve()
                return self._account_word(account)
            case CaptureRequest():
                if declines or not account.holds or request.amount_minor > account.amount_minor:
                    return NOT_ALLOWED
                account.captured_minor = request.amount_minor
            case VoidRequest():
                if account.captured_minor or not (account.holds or account.challenged):
                    return NOT_ALLOWED
                if declines:
                    # It has let go of it by itself, long ago.
                    account.state = "lapsed" if account.holds else "declined"
                    return NOT_ALLOWED
                account.state = "voided" if account.holds else "declined"
            case RefundRequest():
                if declines or request.amount_minor > account.took_minor:
                    return NOT_ALLOWED
                account.refunded_minor += request.amount_minor
        return _did(request)

    def _word(self, reference: str) -> Outcome | NotFound:
        if reference in self.undecided:
            return Pending(reference, "not decided yet")
        if account := self.by_reference.get(reference):
            return self._account_word(account)
        if reference in self.tombstones:
            return Tombstoned()
        return self.answers.get(reference, NotFound())

    def _account_word(self, account: Account) -> Outcome:
        match account.state:
            case "challenged" | "authenticated":
                return ActionRequired(account.id, f"http://bank.test/challenge/{account.id}")
            case "declined":
                return Declined(account.decline_code or "voided")
            case "undone":
                return Tombstoned()
            case _:
                return Approved(account.id, account.amount_minor, authorization_code="123456")

    def _own_capture(self, account: Account) -> int:
        return account.amount_minor if account.captures else 0

    def _count(self, reference: str) -> None:
        self.deeds[reference] += 1
        self.news.append(reference)


def _did(request: FollowUp | PayoutRequest) -> Approved:
    return Approved(f"did_{request.reference}", request.amount_minor)
