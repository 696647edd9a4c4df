"""Restricted keys do what they may and nothing else; a key is taken from where it may be used, and ended at once."""

import io
import json
import time
from collections.abc import Sequence
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from core.errors import AuthenticationFailed, InvalidRequest
from merchants import auth
from merchants.auth import PermissionMissing, caller_of
from merchants.models import ApiKey, Merchant
from merchants.scopes import SCOPES, allows
from merchants.services import allow_addresses, create_merchant, issue_key, key_of, revoke_key, roll_key

pytestmark = pytest.mark.usefixtures("books")


@pytest.fixture(autouse=True)
def forget() -> None:
    auth._remembered.clear()


@pytest.fixture
def merchant() -> Merchant:
    return create_merchant("A shop").merchant


def restricted(merchant: Merchant, *scopes: str, addresses: Sequence[str] = ()) -> str:
    return issue_key(merchant, kind="restricted", livemode=False, scopes=scopes, addresses=addresses)[1]


def ask(text: str, path: str = "/v1/charges", *, method: str = "get", **more: str) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {text}", "Idempotency-Key": "k"}
    answer = getattr(Client(), method)(path, headers=headers, **more)
    return answer.status_code, json.loads(answer.content).get("error", {}).get("message", "")


@pytest.mark.parametrize(
    ("scopes", "resource", "level", "may"),
    [
        (["charges:read"], "charges", "read", True),
        (["charges:read"], "charges", "write", False),
        (["charges:write"], "charges", "read", True),
        (["charges:write"], "refunds", "read", False),
        (list(SCOPES), "", "read", False),
        ([":read"], "charges", "read", False),
    ],
)
def test_who_may_write_may_read_and_nobody_what_has_no_name(
    scopes: list[str], resource: str, level: str, may: bool
) -> None:
    assert allows(scopes, resource, level) is may


def test_a_restricted_key_does_what_it_may_and_is_told_what_it_lacks(merchant: Merchant) -> None:
    key = restricted(merchant, "charges:read")
    assert key.startswith("rk_test_")
    assert ask(key)[0] == 200
    status, message = ask(key, method="post", content_type="application/x-www-form-urlencoded")
    assert (status, "'charges:write'" in message, key in message) == (403, True, False)
    assert ask(key, "/v1/refunds")[0] == 403


def test_what_a_key_may_not_read_it_can_not_expand(merchant: Merchant) -> None:
    narrow, wide = restricted(merchant, "refunds:read"), restricted(merchant, "refunds:read", "charges:read")
    path = "/v1/refunds?expand[]=data.charge"
    assert (ask(narrow, path)[0], ask(wide, path)[0]) == (403, 200)


def test_a_card_is_taken_in_only_for_a_key_that_may(merchant: Merchant) -> None:
    status, message = ask(restricted(merchant, "tokens:read"), "/v1/tokens", method="post")
    assert (status, "'tokens:write'" in message) == (403, True)


def test_permissions_cost_no_query(merchant: Merchant) -> None:
    costs = []
    for kind, scopes in (("secret", []), ("restricted", ["charges:read"])):
        text = issue_key(merchant, kind=kind, livemode=False, scopes=scopes, addresses=["::1"])[1]
        with CaptureQueriesContext(connection) as first:
            caller_of(f"Bearer {text}")
        with CaptureQueriesContext(connection) as again:
            caller_of(f"Bearer {text}").require("charges", "read")
        costs.append((len(first), len(again)))
    assert costs[0] == costs[1] == (2, 0)


def test_a_successor_may_what_its_key_might(merchant: Merchant) -> None:
    key, _ = issue_key(merchant, kind="restricted", livemode=False, scopes=["events:read"], addresses=["::1"])
    successor, _ = roll_key(key, overlap=timedelta(0))
    assert (successor.scopes, successor.addresses) == (["events:read"], ["::1/128"])


@pytest.mark.parametrize(
    ("kind", "scopes", "addresses", "named"),
    [
        ("restricted", [], [], "needs a permission"),
        ("restricted", ["charges:delete"], [], "'charges:delete'"),
        ("secret", ["charges:read"], [], "Only restricted"),
        ("publishable", [], ["10.0.0.0/8"], "anywhere"),
        ("secret", [], ["10.0.0.1/8"], "'10.0.0.1/8'"),
        ("secret", [], ["example.com"], "'example.com'"),
        ("secret", [], [f"10.0.0.{n}" for n in range(51)], "at most 50"),
    ],
)
def test_a_key_that_makes_no_sense_is_not_made(
    merchant: Merchant, kind: str, scopes: list[str], addresses: list[str], named: str
) -> None:
    before = merchant.keys.count()
    with pytest.raises(InvalidRequest, match=named):
        issue_key(merchant, kind=kind, livemode=False, scopes=scopes, addresses=addresses)
    assert merchant.keys.count() == before


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("secret", {"scopes": ["charges:read"]}),
        ("restricted", {"scopes": []}),
        ("publishable", {"addresses": ["::1/128"]}),
    ],
)
def test_postgresql_refuses_it_too(merchant: Merchant, kind: str, change: dict[str, list[str]]) -> None:
    restricted(merchant, "charges:read")
    with pytest.raises(IntegrityError), transaction.atomic():
        merchant.keys.filter(kind=kind).update(**change)


def test_a_key_is_taken_from_its_addresses_only(merchant: Merchant) -> None:
    key = restricted(merchant, "charges:read", addresses=["203.0.113.0/24", "2001:db8::/32"])
    for address, status in (
        ("203.0.113.9", 200),
        ("::ffff:203.0.113.9", 200),
        ("2001:db8::7", 200),
        ("203.0.114.1", 403),
        ("", 403),
    ):
        assert ask(key, REMOTE_ADDR=address)[0] == status, address
    assert "203.0.114.1" in ask(key, REMOTE_ADDR="203.0.114.1")[1]


def test_only_as_many_proxies_are_believed_as_the_operator_says(merchant: Merchant) -> None:
    key = restricted(merchant, "charges:read", addresses=["203.0.113.9"])
    claimed = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.9"}
    forged = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.9, 198.51.100.1"}
    assert ask(key, **claimed)[0] == 403
    with override_settings(TRUSTED_PROXIES=1):
        assert (ask(key, **claimed)[0], ask(key, **forged)[0]) == (200, 403)


def test_addresses_change_and_open_again(merchant: Merchant) -> None:
    key, text = issue_key(merchant, kind="secret", livemode=False, addresses=["10.0.0.0/8"])
    assert ask(text)[0] == 403
    allow_addresses(key, [])
    auth._remembered.clear()
    assert ask(text)[0] == 200


def test_a_revoked_key_is_remembered_for_five_seconds_at_most(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = restricted(merchant, "charges:read")
    caller_of(f"Bearer {text}")
    key = key_of(text)
    assert key is not None
    revoke_key(key)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + auth.REMEMBER_SECONDS)
    with pytest.raises(AuthenticationFailed):
        caller_of(f"Bearer {text}")


def test_the_commands_make_and_end_keys(
    merchant: Merchant, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    call_command("issue_key", merchant.public_id, "rk_test", "--may", "charges:read", "--from", "127.0.0.1")
    made = json.loads(capsys.readouterr().out)
    assert (made["may"], made["from"]) == (["charges:read"], ["127.0.0.1/32"])
    with pytest.raises(PermissionMissing):
        caller_of(f"Bearer {made['key']}").require("charges", "write")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{made['key']}\n"))
    call_command("revoke_key")
    said = capsys.readouterr().out
    assert merchant.public_id in said and made["key"] not in said
    assert not ApiKey.objects.get(last4=made["key"][-4:], kind="restricted").usable
    call_command("revoke_key", all_of=merchant.public_id)
    assert not merchant.keys.filter(revoked_at=None).exists()
    for wrong in (["issue_key", "acct_x", "rk_test"], ["revoke_key", "--all-of", "acct_x"]):
        with pytest.raises(CommandError, match="acct_x"):
            call_command(*wrong)
    monkeypatch.setattr("sys.stdin", io.StringIO("sk_test_nobody"))
    with pytest.raises(CommandError, match="ever had"):
        call_command("revoke_key")
