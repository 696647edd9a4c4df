"""What must be true of what merchants have and are paid out; the others are in `invariants.py`."""

from collections import Counter

from tests.fuzz.invariants import ALWAYS, AT_REST, CURRENCIES, always, at_rest, same_events, told_states
from tests.fuzz.seen import Seen

__all__ = ["ALWAYS", "AT_REST"]


@always
def a_balance_transaction_keeps_what_it_says(seen: Seen) -> None:
    """It becomes available, once; nothing else about it changes."""
    for pk, before in (seen.before.balances if seen.before else {}).items():
        after = seen.balances[pk]
        for name in ("public_id", "type", "source", "charge_id", "amount_minor", "fee_minor", "currency"):
            assert getattr(after, name) == getattr(before, name), after
        assert (before.state, after.state) != ("available", "pending"), after


@always
def a_payout_that_was_called_back_was_never_sent(seen: Seen) -> None:
    for payout in seen.payouts.values():
        if payout.state == "canceled":
            reference = seen.operation_of(payout).public_id
            assert not any(reference in bank.deeds for bank in seen.banks), payout


@always
def payouts_tell_their_events(seen: Seen) -> None:
    told = told_states(seen, "payout")
    for payout in seen.payouts.values():
        states = told[payout.id]
        expected = Counter({"payout.created": 1})
        for state in ("paid", "failed", "canceled"):
            expected[f"payout.{state}"] = state in states
        same_events(payout, seen.events_of(payout), expected, set(expected))


@at_rest
def what_left_for_merchants_is_what_the_banks_sent(seen: Seen) -> None:
    """A bank that did what it had promised never to do has sent more, and is told apart."""
    for bank in seen.banks:
        if bank.broke_its_word & set(bank.payouts):
            continue
        for currency in CURRENCIES:
            stands = sum(
                payout.amount_minor
                for payout in seen.payouts.values()
                if payout.processor == bank.name
                and payout.currency == currency
                and payout.state in ("in_transit", "paid")
            )
            sent = bank.paid_out_minor(currency)
            assert stands == sent, f"{bank.name} sent {sent} {currency}, our payouts say {stands}"
