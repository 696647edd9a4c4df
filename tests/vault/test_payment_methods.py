"""POST /v1/payment_methods: a card, or the token that holds one."""

from processors.vault import Answered, VaultClient
from tests.vault.processor import ScriptedProcessor
from tests.vault.room import VISA, Merchant, card_fields, forward_request, new_merchant

REQUIRED = {
    "id",
    "object",
    "billing_details",
    "created",
    "customer",
    "customer_account",
    "livemode",
    "metadata",
    "type",
}


def test_a_payment_method_has_every_field_that_the_sdks_expect(merchant: Merchant) -> None:
    fields = {
        "type": "card",
        "billing_details[name]": "Jane Roe",
        "billing_details[phone]": "+4915123456789",
        "billing_details[address][line1]": "Hauptstraße 1",
        "metadata[order]": "6735",
    }
    reply = merchant.post("/v1/payment_methods", card_fields() | fields)
    assert reply.status == 200
    method = reply.body
    assert set(method) >= REQUIRED
    assert method["id"].startswith("pm_")
    assert (method["object"], method["type"], method["customer"]) == ("payment_method", "card", None)
    assert (method["card"]["brand"], method["card"]["last4"]) == ("visa", "4242")
    assert method["card"]["checks"] == {
        "address_line1_check": "unchecked",
        "address_postal_code_check": None,
        "cvc_check": "unchecked",
    }
    assert method["billing_details"]["name"] == "Jane Roe"
    assert method["billing_details"]["address"]["line1"] == "Hauptstraße 1"
    assert method["billing_details"]["address"]["city"] is None
    assert method["metadata"] == {"order": "6735"}


def test_a_method_made_of_a_token_has_its_card_and_code_and_spends_it(
    merchant: Merchant, client: VaultClient, processor: ScriptedProcessor
) -> None:
    token = merchant.new_token(name="Jane Roe")
    made = merchant.post("/v1/payment_methods", {"type": "card", "card[token]": token})
    assert (made.status, made.body["billing_details"]["name"]) == (200, "Jane Roe")
    again = merchant.post("/v1/payment_methods", {"type": "card", "card[token]": token})
    assert (again.status, again.error["code"]) == (400, "token_already_used")
    outcome = client.forward(forward_request(merchant.id, made.body["id"], processor.url))
    assert isinstance(outcome, Answered)
    assert processor.arrived[0]["card"]["number"] == VISA
    assert processor.arrived[0]["card"]["cvc"] == "123"


def test_a_static_token_makes_methods_as_often_as_you_like(merchant: Merchant) -> None:
    ids = {
        merchant.post("/v1/payment_methods", {"type": "card", "card[token]": "tok_visa"}).body["id"]
        for _ in range(2)
    }
    assert len(ids) == 2


def test_another_merchants_token_is_unknown(merchant: Merchant, client: VaultClient) -> None:
    token = new_merchant(client, merchant.vault).new_token()
    reply = merchant.post("/v1/payment_methods", {"type": "card", "card[token]": token})
    assert (reply.status, reply.error["code"], reply.error["param"]) == (
        400,
        "resource_missing",
        "card[token]",
    )


def test_other_types_are_refused(merchant: Merchant) -> None:
    reply = merchant.post("/v1/payment_methods", card_fields() | {"type": "sepa_debit"})
    assert (reply.status, reply.error["param"]) == (400, "type")


def test_a_card_number_in_metadata_is_refused_and_an_order_number_is_not(merchant: Merchant) -> None:
    def make(text: str) -> int:
        return merchant.post(
            "/v1/payment_methods", card_fields() | {"type": "card", "metadata[note]": text}
        ).status

    assert make(VISA) == 400
    # Luhn-valid, but of no card network.
    assert make("1234567890123452") == 200
