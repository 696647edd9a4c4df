"""The gateway's calls must be signed, for this very call, just now."""

import json
import re
import time
from hashlib import sha256
from unittest.mock import patch
from urllib.parse import urlencode

import pytest

from core.signing import HEADER, sign
from processors.vault import TokenDetails, VaultClient, VaultUnavailable
from tests.support.processes import Process
from tests.support.servers import ROOT, SHARED_SECRET
from tests.vault.processor import ScriptedProcessor
from tests.vault.room import VISA, Merchant, card_fields, send

FORWARD = "/internal/forward"
# What browsers may reach: cards in, and the frame for them.
OPEN = {
    "health",
    "v1/tokens",
    "v1/payment_methods",
    "js/<str:name>",
    "fields/card",
    "fields/<str:digest>/<str:name>",
}


def order(processor: ScriptedProcessor) -> bytes:
    return json.dumps(
        {
            "token": "tok_visa",
            "merchant": "acct_1",
            "livemode": False,
            "reference": "op_1",
            "method": "POST",
            "url": processor.url,
            "headers": {},
            "body": {"card": {"number": "{{card.number}}"}},
            "timeout_seconds": 5,
        }
    ).encode()


@pytest.mark.parametrize(
    "path", [FORWARD, "/internal/publishable_keys", "/internal/tokens/tok_visa?merchant=a&livemode=0"]
)
@pytest.mark.parametrize("signature", [None, "", "t=1,v1=00", "v1=00", "nonsense"])
def test_a_call_without_a_signature_is_refused(vault: Process, path: str, signature: str | None) -> None:
    headers = {} if signature is None else {HEADER: signature}
    method = "GET" if "tokens" in path else "POST"
    assert send(method, vault.url + path, b"" if method == "GET" else b"{}", headers).status == 401


def test_another_secret_is_refused(vault: Process, processor: ScriptedProcessor) -> None:
    body = order(processor)
    signature = sign("another-secret-than-the-vault-knows", "POST", FORWARD, body)
    assert send("POST", vault.url + FORWARD, body, {HEADER: signature}).status == 401
    assert processor.arrived == []


def test_an_old_signature_is_refused(vault: Process, processor: ScriptedProcessor) -> None:
    body = order(processor)
    with patch("core.signing.time.time", return_value=time.time() - 61):
        signature = sign(SHARED_SECRET, "POST", FORWARD, body)
    assert send("POST", vault.url + FORWARD, body, {HEADER: signature}).status == 401
    assert processor.arrived == []


def test_a_changed_body_or_path_is_refused(vault: Process, processor: ScriptedProcessor) -> None:
    body = order(processor)
    signature = sign(SHARED_SECRET, "POST", FORWARD, body)
    assert (
        send("POST", vault.url + FORWARD, body.replace(b"op_1", b"op_2"), {HEADER: signature}).status == 401
    )
    path = "/internal/tokens/tok_visa?merchant=acct_1&livemode=0"
    signature = sign(SHARED_SECRET, "GET", path, b"")
    other = path.replace("acct_1", "acct_2")
    assert send("GET", vault.url + path, b"", {HEADER: signature}).status == 200
    assert send("GET", vault.url + other, b"", {HEADER: signature}).status == 401


@pytest.mark.parametrize(
    "change", [{"Tollgate-Merchant": "acct_2"}, {"Tollgate-Livemode": "1"}, {"Idempotency-Key": "x"}]
)
def test_the_signature_covers_whose_card_it_is(vault: Process, change: dict[str, str]) -> None:
    body = b"card[number]=4242424242424242&card[exp_month]=12&card[exp_year]=2034"
    form = "application/x-www-form-urlencoded"
    signature = sign(SHARED_SECRET, "POST", "/v1/tokens", body, context=f"acct_1\n0\n\n\n{form}")
    headers = {
        "Content-Type": form,
        "Tollgate-Merchant": "acct_1",
        "Tollgate-Livemode": "0",
        HEADER: signature,
    }
    assert send("POST", f"{vault.url}/v1/tokens", body, headers).status == 200
    assert send("POST", f"{vault.url}/v1/tokens", body, headers | change).status == 401


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"{}", b'{"token": 1}', b"\xff"])
def test_an_order_of_a_wrong_shape_is_a_400(vault: Process, body: bytes) -> None:
    signature = sign(SHARED_SECRET, "POST", FORWARD, body)
    assert send("POST", vault.url + FORWARD, body, {HEADER: signature}).status == 400


def test_the_gateway_learns_all_but_the_number(merchant: Merchant, client: VaultClient) -> None:
    made = merchant.token(name="Jane Roe", address_zip="10115").body
    details = client.token(made["id"], merchant.id, False)
    assert isinstance(details, TokenDetails)
    assert details.object == made
    assert (details.brand, details.last4, details.exp_month, details.exp_year) == ("visa", "4242", 12, 2034)
    assert (details.funding, details.country, details.cvc_check) == ("credit", "US", "unchecked")
    assert (details.card_id, details.fingerprint) == (made["card"]["id"], made["card"]["fingerprint"])
    assert (details.used, details.static, details.livemode) == (False, False, False)
    assert details.billing_details["name"] == "Jane Roe"
    assert details.billing_details["address"]["postal_code"] == "10115"


def test_a_static_token_is_a_new_card_each_time(merchant: Merchant, client: VaultClient) -> None:
    first, second = (client.token("tok_visa", merchant.id, False) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.static
    assert first.card_id.startswith("card_")
    assert first.card_id != second.card_id
    assert first.fingerprint == second.fingerprint == merchant.token().body["card"]["fingerprint"]
    method = client.token("pm_card_amex", merchant.id, False)
    assert method is not None
    assert (method.brand, method.card_id[:3]) == ("amex", "pm_")


@pytest.mark.parametrize("token", ["tok_none", "", "../health", "tok visa", "tok!", VISA, "x" * 200, "tok_ü"])
def test_an_unknown_token_is_none(client: VaultClient, token: str) -> None:
    assert client.token(token, "acct_1", False) is None


def test_a_key_of_another_merchant_is_not_taken_over(merchant: Merchant, client: VaultClient) -> None:
    hashed = sha256(merchant.test_key.encode()).hexdigest()
    with pytest.raises(Exception, match="another merchant"):
        client.push_publishable_key(key_hash=hashed, merchant="acct_other", livemode=False, revoked=False)
    assert merchant.token().status == 200


def test_a_vault_that_is_away_says_so(closed_port: int) -> None:
    client = VaultClient(f"http://127.0.0.1:{closed_port}", SHARED_SECRET)
    with pytest.raises(VaultUnavailable):
        client.token("tok_visa", "acct_1", False)


def test_a_passed_on_card_belongs_to_the_signed_merchant(client: VaultClient, merchant: Merchant) -> None:
    def pass_on(fields: dict[str, object], key: str = "") -> tuple[int, dict[str, str], dict[str, object]]:
        answer = client.tokenize_passthrough(
            path="/v1/tokens",
            merchant=merchant.id,
            livemode=False,
            body=urlencode(fields).encode(),
            content_type="application/x-www-form-urlencoded",
            idempotency_key=key,
            client_ip="192.0.2.7",
        )
        return answer.status, dict(answer.headers), json.loads(answer.body)

    status, headers, token = pass_on(card_fields(), "a-key")
    assert (status, token["client_ip"]) == (200, "192.0.2.7")
    assert client.token(str(token["id"]), merchant.id, False) is not None
    assert "Idempotent-Replayed" not in headers
    assert pass_on(card_fields(), "a-key")[1]["Idempotent-Replayed"] == "true"
    status, _, body = pass_on(card_fields("4539148803436467"))
    assert status == 400
    assert "vault's own address" in str(body)


def test_every_address_that_is_not_for_browsers_is_the_gateways_alone(merchant: Merchant) -> None:
    addresses = set(re.findall(r'path\("([^"]*)"', (ROOT / "vault/urls.py").read_text()))
    assert addresses >= OPEN
    for address in addresses - OPEN:
        url = f"{merchant.vault}/{re.sub(r'<[^>]*>', 'tok_visa', address)}"
        for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
            for key in ({}, {"Authorization": f"Bearer {merchant.live_key}"}):
                assert send(method, url, b"{}", key).status == 401, (method, address)
