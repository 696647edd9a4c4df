"""The books under any order of postings, repeats and reversals, against a simple model: a sum per account."""

from collections import Counter

import pytest
from django.core.management import call_command
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from ledger.errors import AlreadyReversed, ReferenceReused
from ledger.lines import Line, credit, debit, reversed_lines
from ledger.models import LedgerTransaction
from ledger.queries import balances, lines_of
from ledger.services import reverse
from merchants.services import create_merchant
from tests.ledger.bookings import fresh_reference, post

names = st.sampled_from(["unconfirmed", "pending", "available"])
currencies = st.sampled_from(["eur", "jpy", "kwd"])
transfers = st.lists(
    st.tuples(names, names, currencies, st.integers(min_value=1, max_value=10**12)), min_size=1, max_size=4
)
modes = st.booleans()


class Books(RuleBasedStateMachine):
    booked = Bundle("booked")

    @initialize()
    def open_books(self) -> None:
        self.merchant_id = create_merchant("A shop").merchant.pk
        self.expected: Counter[tuple[str, str, bool]] = Counter()
        self.reversed: set[int] = set()

    def lines(self, transfers: list[tuple[str, str, str, int]]) -> list[Line]:
        place = f"merchant:{self.merchant_id}"
        return [
            line
            for source, target, currency, amount in transfers
            for line in (
                credit(f"{place}:{source}", currency, amount),
                debit(f"{place}:{target}", currency, amount),
            )
        ]

    def count(self, lines: list[Line], livemode: bool) -> None:
        for line in lines:
            self.expected[line.address, line.currency, livemode] += line.amount_minor

    @rule(target=booked, transfers=transfers, livemode=modes)
    def post(self, transfers: list[tuple[str, str, str, int]], livemode: bool) -> LedgerTransaction:
        lines = self.lines(transfers)
        transaction = post(self.merchant_id, lines, livemode=livemode)
        assert lines_of(transaction) == lines
        self.count(lines, livemode)
        return transaction

    @rule(earlier=booked)
    def post_again(self, earlier: LedgerTransaction) -> None:
        lines = lines_of(earlier)
        assert (
            post(self.merchant_id, lines, reference=earlier.reference, livemode=earlier.livemode) == earlier
        )

    @rule(earlier=booked)
    def post_something_else_again(self, earlier: LedgerTransaction) -> None:
        with pytest.raises(ReferenceReused):
            post(
                self.merchant_id,
                lines_of(earlier) * 2,
                reference=earlier.reference,
                livemode=earlier.livemode,
            )

    @rule(earlier=booked)
    def reverse(self, earlier: LedgerTransaction) -> None:
        if earlier.pk in self.reversed:
            with pytest.raises(AlreadyReversed):
                reverse(earlier, reference=fresh_reference())
            return
        reversal = reverse(earlier, reference=fresh_reference())
        assert lines_of(reversal) == reversed_lines(lines_of(earlier))
        self.count(lines_of(reversal), earlier.livemode)
        self.reversed.add(earlier.pk)

    @precondition(lambda self: hasattr(self, "merchant_id"))
    @invariant()
    def balances_are_the_sums_of_what_was_posted(self) -> None:
        found = {(row.address, row.currency, row.livemode): row.balance for row in balances(self.merchant_id)}
        assert found == dict(self.expected)

    def teardown(self) -> None:
        call_command("verify_ledger", "--quiet")


Books.TestCase.settings = settings(max_examples=12, stateful_step_count=15, deadline=None)
TestBooks = pytest.mark.usefixtures("books")(Books.TestCase)
