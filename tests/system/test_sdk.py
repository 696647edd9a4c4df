"""The official Stripe SDK, unmodified, against a running gateway: only `api_base` differs."""

from collections.abc import Iterator

import pytest
import stripe

from merchants.services import NewMerchant
from tests.support.client import Client, Reply
from tests.support.eventually import eventually
from tests.support.processes import System


@pytest.fixture(autouse=True)
def sdk(system: System, shop: NewMerchant) -> Iterator[None]:
    stripe.api_base = system.web.url
    stripe.api_key = shop.keys["sk_test"]
    stripe.max_network_retries = 0
    stripe.enable_telemetry = False
    yield
    stripe.api_key = None


def token(number: str = "4242424242424242", **card: object) -> stripe.Token:
    details = {"number": number, "exp_month": 12, "exp_year": 2034, "cvc": "123", **card}
    return stripe.Token.create(card=details)  # type: ignore[arg-type]


def charge(number: str) -> stripe.Charge:
    return stripe.Charge.create(amount=2000, currency="usd", source=token(number).id)


def test_token_charge_refund_and_lists() -> None:
    made = token()
    assert made.card is not None
    assert (made.object, made.card.last4, made.card.brand, made.used) == ("token", "4242", "Visa", False)
    paid = stripe.Charge.create(
        amount=2000, currency="usd", source=made.id, description="An order", metadata={"order": "7"}
    )
    assert (paid.status, paid.captured, paid.amount_captured) == ("succeeded", True, 2000)
    assert paid.payment_method_details is not None and paid.payment_method_details.card is not None
    assert paid.payment_method_details.card.brand == "visa"
    assert paid.metadata["order"] == "7"
    refund = stripe.Refund.create(charge=paid.id, amount=500)
    assert (refund.status, refund.amount, refund.charge) == ("succeeded", 500, paid.id)
    again = stripe.Charge.retrieve(paid.id)
    assert (again.amount_refunded, again.refunded) == (500, False)
    assert [row.id for row in stripe.Charge.list().data] == [paid.id]
    assert [row.id for row in stripe.Refund.list(charge=paid.id).data] == [refund.id]
    assert stripe.Refund.retrieve(refund.id).id == refund.id
    assert stripe.Token.retrieve(made.id).used


@pytest.mark.parametrize(
    ("number", "code", "decline_code"),
    [
        ("4000000000000002", "card_declined", "generic_decline"),
        ("4000000000009995", "card_declined", "insufficient_funds"),
        ("4000000000009987", "card_declined", "lost_card"),
        ("4000000000009979", "card_declined", "stolen_card"),
        ("4000000000006975", "card_declined", "card_velocity_exceeded"),
        ("4000000000000069", "expired_card", "expired_card"),
        ("4000000000000127", "incorrect_cvc", "incorrect_cvc"),
        ("4000000000000119", "processing_error", "processing_error"),
    ],
)
def test_a_declining_card_raises_card_error(number: str, code: str, decline_code: str) -> None:
    with pytest.raises(stripe.CardError) as raised:
        charge(number)
    error = raised.value
    assert error.code == code
    assert error.error is not None and error.error.decline_code == decline_code
    failed = stripe.Charge.retrieve(error.error.charge)  # type: ignore[arg-type]
    assert (failed.status, failed.failure_code) == ("failed", code)
    assert error.request_id is not None


@pytest.mark.parametrize(
    ("card", "code", "param"),
    [
        ({"number": "4242424242424241"}, "incorrect_number", "number"),
        ({"exp_month": 13}, "invalid_expiry_month", "exp_month"),
        ({"exp_year": 2019}, "invalid_expiry_year", "exp_year"),
        ({"cvc": "99"}, "invalid_cvc", "cvc"),
    ],
)
def test_a_wrong_card_is_refused_when_its_token_is_made(
    card: dict[str, object], code: str, param: str
) -> None:
    with pytest.raises(stripe.CardError) as raised:
        token(**card)  # type: ignore[arg-type]
    assert (raised.value.code, raised.value.param) == (code, param)


@pytest.mark.parametrize("source", ["tok_visa", "tok_mastercard", "tok_amex"])
def test_static_tokens_can_be_charged_again_and_again(source: str) -> None:
    ids = {stripe.Charge.create(amount=700, currency="eur", source=source).id for _ in range(2)}
    assert len(ids) == 2


def test_a_token_pays_once() -> None:
    made = token()
    stripe.Charge.create(amount=2000, currency="usd", source=made.id)
    with pytest.raises(stripe.InvalidRequestError) as raised:
        stripe.Charge.create(amount=2000, currency="usd", source=made.id)
    assert raised.value.code == "token_already_used"


def test_lists_page_in_both_directions() -> None:
    ids = [stripe.Charge.create(amount=100 + n, currency="usd", source="tok_visa").id for n in range(5)]
    newest_first = ids[::-1]
    assert [row.id for row in stripe.Charge.list(limit=2).auto_paging_iter()] == newest_first
    page = stripe.Charge.list(limit=2, starting_after=newest_first[1])
    assert ([row.id for row in page.data], page.has_more) == (newest_first[2:4], True)
    before = stripe.Charge.list(limit=2, ending_before=newest_first[3])
    assert ([row.id for row in before.data], before.has_more) == (newest_first[1:3], True)
    with pytest.raises(stripe.InvalidRequestError) as raised:
        stripe.Charge.list(starting_after="ch_nowhere")
    assert (raised.value.code, raised.value.param) == ("resource_missing", "starting_after")


def test_more_than_was_paid_can_not_be_refunded() -> None:
    paid = stripe.Charge.create(amount=2000, currency="usd", source="tok_visa")
    with pytest.raises(stripe.InvalidRequestError) as raised:
        stripe.Refund.create(charge=paid.id, amount=2001)
    assert raised.value.param == "amount"
    stripe.Refund.create(charge=paid.id)
    with pytest.raises(stripe.InvalidRequestError) as raised:
        stripe.Refund.create(charge=paid.id)
    assert raised.value.code == "charge_already_refunded"
    assert stripe.Charge.retrieve(paid.id).refunded


def test_wrong_keys_are_refused(shop: NewMerchant) -> None:
    for key, error in [
        ("sk_test_nobody", stripe.AuthenticationError),
        (shop.keys["pk_test"], stripe.AuthenticationError),
    ]:
        with pytest.raises(error):
            stripe.Charge.list(api_key=key)


def test_a_charge_of_the_other_mode_does_not_exist(shop: NewMerchant) -> None:
    paid = stripe.Charge.create(amount=2000, currency="usd", source="tok_visa")
    with pytest.raises(stripe.InvalidRequestError) as raised:
        stripe.Charge.retrieve(paid.id, api_key=shop.keys["sk_live"])
    assert (raised.value.code, raised.value.http_status) == ("resource_missing", 404)


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"currency": "usd", "source": "tok_visa"}, "parameter_missing", "amount"),
        ({"amount": "abc", "currency": "usd", "source": "tok_visa"}, "parameter_invalid_integer", "amount"),
        ({"amount": -5, "currency": "usd", "source": "tok_visa"}, "parameter_invalid_integer", "amount"),
        ({"amount": 10, "currency": "usd", "source": "tok_visa"}, "amount_too_small", "amount"),
        ({"amount": 100_000_000, "currency": "usd", "source": "tok_visa"}, "amount_too_large", "amount"),
        ({"amount": "9" * 400, "currency": "usd", "source": "tok_visa"}, "amount_too_large", "amount"),
        ({"amount": 100, "currency": "usd", "source": "tok_visa", "x": 1}, "parameter_unknown", "x"),
        ({"amount": 100, "currency": "usd", "source": "tok_nobody"}, "resource_missing", "source"),
        ({"amount": 100, "currency": "xxx", "source": "tok_visa"}, None, "currency"),
    ],
)
def test_bad_parameters_are_named(params: dict[str, object], code: str | None, param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as raised:
        stripe.Charge.create(**params)  # type: ignore[arg-type]
    assert (raised.value.code, raised.value.param) == (code, param)


def accepted(reply: Reply) -> Reply | None:
    return reply if reply.status == 200 else None


def test_a_browser_brings_a_card_to_the_vault_itself(system: System, shop: NewMerchant) -> None:
    """With a publishable key, which the gateway has told the vault of; the token then pays at the gateway."""
    browser = Client(system.vault.url, shop.keys["pk_test"])
    card = {
        "card[number]": "4242424242424242",
        "card[exp_month]": 1,
        "card[exp_year]": 2040,
        "card[cvc]": 123,
    }
    made = eventually(
        lambda: accepted(browser.post("/v1/tokens", card)),
        what="the vault's hearing of the key",
    )
    paid = stripe.Charge.create(amount=2000, currency="usd", source=made.json()["id"])
    assert paid.status == "succeeded"


def test_money_can_be_held_first_and_taken_later() -> None:
    held = stripe.Charge.create(amount=2000, currency="usd", source="tok_visa", capture=False)
    assert (held.status, held.captured) == ("succeeded", False)
    taken = stripe.Charge.capture(held.id, amount=1500)
    assert (taken.captured, taken.amount_captured) == (True, 1500)
    with pytest.raises(stripe.InvalidRequestError) as raised:
        stripe.Charge.capture(held.id)
    assert raised.value.code == "charge_already_captured"


def test_ids_are_expanded_where_asked() -> None:
    paid = stripe.Charge.create(
        amount=2000, currency="usd", source="tok_visa", expand=["balance_transaction", "payment_intent"]
    )
    assert isinstance(paid.balance_transaction, stripe.BalanceTransaction)
    assert (paid.balance_transaction.fee, paid.balance_transaction.net) == (88, 1912)
    assert isinstance(paid.payment_intent, stripe.PaymentIntent)
    stripe.Refund.create(charge=paid.id, amount=100)
    found = stripe.Charge.list(expand=["data.refunds", "data.payment_intent.latest_charge"]).data[0]
    assert found.refunds is not None and [row.amount for row in found.refunds.data] == [100]
    assert isinstance(found.payment_intent, stripe.PaymentIntent)
    assert isinstance(found.payment_intent.latest_charge, stripe.Charge)
    for path in ("nothing", "payment_intent.nothing", "metadata", "balance_transaction.source.x"):
        with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
            stripe.Charge.retrieve(paid.id, expand=[path])
