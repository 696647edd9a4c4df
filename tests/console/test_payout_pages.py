"""Paying out from the console: by the services of the API, with a reason, above a threshold by two people."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from controls.models import Approval, AuditEntry, Threshold
from ledger.lines import credit, debit
from ledger.services import post
from merchants.services import NewMerchant
from payments.models import BankAccount, Payout, Terms, TimelineEntry
from payments.services.bank_accounts import name_bank_account
from tests.console.conftest import person
from tests.console.desk import Desk
from tests.console.world import World


@pytest.fixture
def account(shop: NewMerchant) -> BankAccount:
    """Of a shop that has 100.00."""
    merchant = shop.merchant
    post(
        reference=f"{merchant.public_id}:given",
        kind="gift",
        lines=[
            debit("bank:main", "eur", 10_000),
            credit(f"merchant:{merchant.public_id}:available", "eur", 10_000),
        ],
        livemode=False,
        merchant_id=merchant.pk,
    )
    return name_bank_account(
        merchant,
        livemode=False,
        currency="eur",
        holder="A shop",
        country="DE",
        account_number="DE0000000000000001",
    )


def at_desk(looking: World, *permissions: str) -> Desk:
    return Desk.of(looking.url, person("view_payout", "view_bankaccount", "view_terms", *permissions))


def path_of(account: BankAccount) -> str:
    return f"/admin/payments/bankaccount/{account.pk}/pay-out/"


def filled(desk: Desk, account: BankAccount, **fields: str) -> dict[str, str]:
    return {
        **desk.form(path_of(account)),
        "amount": "40.00",
        "confirmed": "on",
        "reason": "They asked on the phone.",
        **fields,
    }


def test_a_merchant_is_paid_out_once_and_it_is_called_back(looking: World, account: BankAccount) -> None:
    desk = at_desk(looking, "add_payout", "change_payout")
    form = filled(desk, account)
    for page in (desk.post(path_of(account), form), desk.post(path_of(account), form)):
        assert "40.00 EUR are on their way" in page
    payout = Payout.objects.get(bank_account=account)
    assert (payout.amount_minor, payout.state, payout.description) == (4_000, "pending", "")
    assert "Owes us" in desk.get(reverse("admin:payments_payout_balances"))
    page = desk.post(path_of(account), filled(desk, account, amount="60.01"))
    assert "60.01 EUR" in page and "60.00 EUR" in page
    assert Payout.objects.filter(bank_account=account).count() == 1
    path = f"/admin/payments/payout/{payout.pk}/cancel/"
    page = desk.post(path, {**desk.form(path), "confirmed": "on", "reason": "They called again."})
    assert "is called back" in page
    assert Payout.objects.get(pk=payout.pk).state == "canceled"
    told = TimelineEntry.objects.filter(payout=payout).order_by("pk")
    assert [(entry.actor, entry.reason) for entry in told] == [
        (f"staff:{desk.username}", "They asked on the phone."),
        (f"staff:{desk.username}", "They called again."),
    ]
    assert "can&#x27;t be canceled" in desk.post(
        path, {**desk.form(path), "confirmed": "on", "reason": "Once more."}
    )
    form = filled(desk, account, amount="100.00")
    for page in (desk.post(path_of(account), form), desk.post(path_of(account), form)):
        assert "100.00 EUR are on their way" in page
    assert "has nothing to be sent" in desk.get(path_of(account))


def test_above_the_threshold_somebody_else_decides(looking: World, account: BankAccount) -> None:
    Threshold.objects.create(action="payout", currency="eur", amount_minor=5_000)
    try:
        maker = at_desk(looking, "add_payout")
        maker.post(path_of(account), filled(maker, account))
        # Two halves are as much as the whole.
        page = maker.post(path_of(account), filled(maker, account))
        assert "waits for somebody to approve it" in page
        approval = Approval.objects.get(action="payout", subject=account.public_id)
        assert Payout.objects.filter(bank_account=account).count() == 1
        checker = at_desk(looking, "view_approval", "change_approval")
        checker.post(f"/admin/controls/approval/{approval.pk}/approve/", {"note": "", "confirmed": "on"})
        approval.refresh_from_db()
        assert approval.state == "done", approval.result
        assert Payout.objects.filter(bank_account=account).count() == 2
    finally:
        Threshold.objects.filter(action="payout").delete()


def test_a_bank_account_is_named_and_the_one_before_it_is_out_of_use(
    looking: World, account: BankAccount
) -> None:
    desk = at_desk(looking, "add_bankaccount")
    asked: dict[str, Any] = {
        "merchant": str(account.merchant_id),
        "currency": "EUR",
        "holder": "A shop",
        "country": "de",
        "account_number": "!",
        "reason": "They moved.",
    }
    path = "/admin/payments/bankaccount/add/"
    assert "An account number has 4 to 34 letters and digits." in desk.post(path, asked)
    page = desk.post(path, {**asked, "account_number": "DE00 0000 0000 0000 02"})
    assert "is paid out to" in page and "0002" in page
    account.refresh_from_db()
    assert account.removed_at is not None
    assert "They moved." in AuditEntry.objects.filter(username=desk.username).latest("pk").summary


def test_terms_are_changed_with_a_reason(looking: World, shop: NewMerchant) -> None:
    desk = at_desk(looking, "add_terms", "change_terms")
    asked = {
        "merchant": str(shop.merchant.pk),
        "payout_interval": "daily",
        "payout_weekday": "0",
        "payout_day": "1",
        "payout_minimum_minor": "100",
        "reserve_basis_points": "500",
        "reserve_days": "90",
        "reserve_fixed_minor": "0",
        "debt_limit_minor": "20000",
        "dispute_fees": "{}",
    }
    desk.post("/admin/payments/terms/add/", asked)
    assert not Terms.objects.filter(merchant=shop.merchant).exists()
    desk.post("/admin/payments/terms/add/", {**asked, "reason": "As signed."})
    terms = Terms.objects.get(merchant=shop.merchant)
    assert (terms.payout_interval, terms.reserve_basis_points, terms.debt_limit_minor) == (
        "daily",
        500,
        20_000,
    )
    desk.post(
        f"/admin/payments/terms/{terms.pk}/change/", {**asked, "debt_limit_minor": "0", "reason": "A risk."}
    )
    terms.refresh_from_db()
    assert terms.debt_limit_minor == 0
    told = AuditEntry.objects.filter(username=desk.username, summary__contains="Because")
    said = told.order_by("pk").values_list("summary", flat=True)
    assert [text.partition("Because: ")[2] for text in said] == ["As signed.", "A risk."]
    assert not User.objects.get(username=desk.username).is_superuser
