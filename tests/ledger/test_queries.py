import pytest

from ledger.queries import AccountTotals, balance, balances, currency_totals, trial_balance, unconfirmed
from ledger.services import reverse
from tests.ledger.bookings import confirmation, fresh_reference, hold, merchant_balance, post

pytestmark = pytest.mark.usefixtures("books")


def totals_of(merchant_id: int) -> dict[str, AccountTotals]:
    return {row.address.split(":")[-1]: row for row in balances(merchant_id, livemode=False)}


def test_an_account_that_does_not_exist_holds_nothing() -> None:
    assert balance("merchant:0:pending", "eur", False) == 0


def test_a_balance_is_debits_minus_credits(merchant_id: int) -> None:
    post(merchant_id, hold(merchant_id))
    assert merchant_balance(merchant_id, "unconfirmed") == -10_000
    assert merchant_balance(merchant_id, "unconfirmed", "usd") == 0
    assert merchant_balance(merchant_id, "unconfirmed", livemode=True) == 0


def test_balances_show_one_merchant_only(merchant_id: int) -> None:
    post(merchant_id, hold(merchant_id))
    post(merchant_id, confirmation(merchant_id))
    totals = totals_of(merchant_id)
    assert set(totals) == {"unconfirmed", "pending"}
    assert (totals["unconfirmed"].debit, totals["unconfirmed"].credit) == (10_000, 10_000)
    assert totals["pending"].balance == -9_680
    post(merchant_id, hold(merchant_id), livemode=True)
    assert len(balances(merchant_id)) == 3


def test_the_trial_balance_sums_to_zero_in_each_currency_and_mode(merchant_id: int) -> None:
    post(merchant_id, hold(merchant_id))
    post(merchant_id, hold(merchant_id, 5, "jpy"))
    post(merchant_id, hold(merchant_id, 1_234, "kwd"), livemode=True)
    rows = trial_balance()
    for total in currency_totals():
        group = [row for row in rows if (row.currency, row.livemode) == (total.currency, total.livemode)]
        assert sum(row.balance for row in group) == 0 == total.balance
        assert sum(row.debit for row in group) == total.debit == total.credit
        assert total.debit > 0
    assert trial_balance(True) == [row for row in rows if row.livemode]
    assert trial_balance(False) == [row for row in rows if not row.livemode]
    assert trial_balance(limit=2) == rows[:2]
    assert currency_totals(True) == [total for total in currency_totals() if total.livemode]


def test_unconfirmed_money_is_listed_until_its_fate_is_known(merchant_id: int) -> None:
    def ours() -> list[int]:
        return [row.balance for row in unconfirmed() if row.address == f"merchant:{merchant_id}:unconfirmed"]

    held = post(merchant_id, hold(merchant_id))
    post(merchant_id, hold(merchant_id, 700))
    assert ours() == [-10_700]
    post(merchant_id, confirmation(merchant_id, 700, 50), kind="sale_confirmed")
    reverse(held, reference=fresh_reference())
    assert ours() == []


def test_sums_beyond_a_bigint_are_exact(merchant_id: int) -> None:
    large = 2**62
    for _ in range(3):
        post(merchant_id, hold(merchant_id, large, "usd"))
    assert merchant_balance(merchant_id, "unconfirmed", "usd") == -3 * large
