"""Keys: only a hash is kept; rolled ones overlap, revoked ones are refused."""

import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from core.errors import AuthenticationFailed
from merchants import auth
from merchants.auth import caller_of
from merchants.models import ApiKey
from merchants.services import create_merchant, revoke_key, roll_key
from tests.conftest import Books

pytestmark = pytest.mark.usefixtures("books")


@pytest.fixture(autouse=True)
def forget() -> None:
    auth._remembered.clear()


def test_a_merchant_gets_a_key_of_each_kind_and_mode() -> None:
    made = create_merchant("A shop")
    assert set(made.keys) == {"sk_test", "pk_test", "sk_live", "pk_live"}
    for prefix, text in made.keys.items():
        assert text.startswith(f"{prefix}_")
        caller = caller_of(f"Bearer {text}")
        assert (caller.merchant_id, caller.livemode, caller.secret) == (
            made.merchant.pk,
            prefix.endswith("live"),
            prefix.startswith("sk"),
        )


def test_no_key_is_stored_as_it_is(books: Books) -> None:
    made = create_merchant("A shop")
    with books.superuser() as connection:
        stored = str(connection.execute("SELECT * FROM merchants_apikey").fetchall())
    assert not any(text in stored or text[8:] in stored for text in made.keys.values())


def test_basic_auth_with_the_key_as_user_name_works() -> None:
    import base64

    text = create_merchant("A shop").keys["sk_test"]
    assert caller_of("Basic " + base64.b64encode(f"{text}:".encode()).decode()).secret


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer sk_test_nobody", "Basic ###", "Digest x", "Bearer \x00"]
)
def test_whoever_has_no_key_is_refused(header: str) -> None:
    with pytest.raises(AuthenticationFailed):
        caller_of(header)


def test_an_unknown_key_is_shown_masked() -> None:
    with pytest.raises(AuthenticationFailed) as raised:
        caller_of("Bearer sk_test_abcdefghijklmnop1234")
    assert "sk_test_****************1234" in raised.value.message


def test_a_rolled_key_overlaps_with_its_successor() -> None:
    made = create_merchant("A shop")
    key = ApiKey.objects.get(merchant=made.merchant, kind="secret", livemode=False)
    successor, text = roll_key(key, overlap=timedelta(hours=1))
    assert caller_of(f"Bearer {made.keys['sk_test']}") and caller_of(f"Bearer {text}")
    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now())
    auth._remembered.clear()
    assert caller_of(f"Bearer {text}").key_id == successor.pk
    with pytest.raises(AuthenticationFailed):
        caller_of(f"Bearer {made.keys['sk_test']}")


def test_a_revoked_key_is_refused() -> None:
    made = create_merchant("A shop")
    key = ApiKey.objects.get(merchant=made.merchant, kind="secret", livemode=False)
    revoke_key(key)
    with pytest.raises(AuthenticationFailed):
        caller_of(f"Bearer {made.keys['sk_test']}")


def test_the_last_use_is_noted() -> None:
    made = create_merchant("A shop")
    caller_of(f"Bearer {made.keys['sk_test']}")
    assert ApiKey.objects.get(
        hash__isnull=False, merchant=made.merchant, kind="secret", livemode=False
    ).last_used_at


def test_the_command_prints_the_keys_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("create_merchant", "A shop")
    printed = json.loads(capsys.readouterr().out)
    assert caller_of(f"Bearer {printed['keys']['sk_live']}").merchant_public_id == printed["merchant"]
