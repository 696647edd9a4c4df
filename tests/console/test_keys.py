"""Keys are made by those who may, and each is shown once: in the answer to the form that made it."""

import re
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import IntegrityError
from django.test import Client as Browser

from controls.approvals import approve, look_after_approvals, refuse
from controls.errors import SamePerson
from controls.models import Approval, AuditEntry, Threshold
from core.ids import random_text
from merchants.models import ApiKey, Merchant
from merchants.services import NewMerchant, allow_addresses
from tests.console.conftest import Staff
from tests.console.world import World
from tests.support.client import Client

KEY = re.compile(r"[spr]k_(?:test|live)_[0-9A-Za-z]{32}")
NONCE = re.compile(r'name="nonce" value="(\w+)"')


def nonce(browser: Browser, path: str) -> str:
    found = NONCE.search(browser.get(path).content.decode())
    assert found
    return found[1]


def keys_path(merchant: Merchant, *parts: object) -> str:
    return f"/admin/merchants/merchant/{merchant.pk}/keys/" + "".join(f"{part}/" for part in parts)


def page_of(merchant: Merchant) -> str:
    return f"/admin/merchants/merchant/{merchant.pk}/change/"


def test_a_new_merchants_keys_are_shown_once(admin: Browser) -> None:
    add = "/admin/merchants/merchant/add/"
    form = {"name": "Harbour Books", "nonce": nonce(admin, add)}
    shown = admin.post(add, form)
    texts = KEY.findall(shown.content.decode())
    assert [text[:8] for text in texts] == ["sk_test_", "pk_test_", "sk_live_", "pk_live_"]
    assert "no-store" in shown["Cache-Control"]
    merchant = Merchant.objects.get(name="Harbour Books")
    for later in (admin.get(page_of(merchant)), admin.post(add, form, follow=True), admin.get("/admin/")):
        assert not KEY.search(later.content.decode())
    assert Merchant.objects.filter(name="Harbour Books").count() == 1
    kept = [session.get_decoded() for session in Session.objects.all()]
    assert not any(text in str(kept) for text in texts)


def test_a_key_that_the_console_issues_works(admin: Browser, shop: NewMerchant, api: Client) -> None:
    issue = keys_path(shop.merchant, "issue")
    shown = admin.post(issue, {"kind": "sk_test_", "reason": "Asked for.", "nonce": nonce(admin, issue)})
    (text,) = KEY.findall(shown.content.decode())
    assert Client(api.url, text).get("/v1/charges").status == 200
    history = admin.get(page_of(shop.merchant)).content.decode()
    assert f"Issued key sk_test_…{text[-4:]}" in history and text not in history


def test_a_replaced_key_works_for_as_long_as_was_chosen(admin: Browser, shop: NewMerchant) -> None:
    old = ApiKey.objects.get(merchant=shop.merchant, kind="secret", livemode=False)
    roll = keys_path(shop.merchant, old.pk, "roll")
    shown = admin.post(roll, {"overlap": "24", "reason": "It leaked.", "nonce": nonce(admin, roll)})
    (text,) = KEY.findall(shown.content.decode())
    old.refresh_from_db()
    assert old.usable and old.expires_at is not None
    assert text[-4:] in admin.get(page_of(shop.merchant)).content.decode()
    assert "has a successor" in admin.get(roll, follow=True).content.decode()
    assert ApiKey.objects.filter(merchant=shop.merchant, kind="secret", livemode=False).count() == 2


def test_revoking_asks_first(admin: Browser, shop: NewMerchant) -> None:
    key = ApiKey.objects.filter(merchant=shop.merchant).earliest("pk")
    revoke = keys_path(shop.merchant, key.pk, "revoke")
    assert "can not be undone" in admin.get(revoke).content.decode()
    key.refresh_from_db()
    assert key.revoked_at is None
    assert "is revoked" in admin.post(revoke, follow=True).content.decode()
    key.refresh_from_db()
    assert key.revoked_at is not None


def test_a_key_of_another_merchant_is_not_reached(admin: Browser, shop: NewMerchant) -> None:
    other = ApiKey.objects.exclude(merchant=shop.merchant).earliest("pk")
    assert admin.post(keys_path(shop.merchant, other.pk, "revoke")).status_code == 404


@pytest.mark.parametrize("action", ["issue", "roll", "revoke", "add"])
def test_those_who_may_only_look_change_no_key(staff: Staff, shop: NewMerchant, action: str) -> None:
    looker = staff("view_merchant", "view_apikey")
    key = ApiKey.objects.filter(merchant=shop.merchant).earliest("pk")
    before = (Merchant.objects.count(), ApiKey.objects.filter(revoked_at=None, expires_at=None).count())
    path = {
        "issue": keys_path(shop.merchant, "issue"),
        "roll": keys_path(shop.merchant, key.pk, "roll"),
        "revoke": keys_path(shop.merchant, key.pk, "revoke"),
        "add": "/admin/merchants/merchant/add/",
    }[action]
    for answer in (looker.get(path), looker.post(path, {"name": "x", "kind": "sk_live_", "overlap": "0"})):
        assert answer.status_code == 403
    after = (Merchant.objects.count(), ApiKey.objects.filter(revoked_at=None, expires_at=None).count())
    assert after == before
    page = looker.get(page_of(shop.merchant)).content.decode()
    assert "Revoke" not in page and "New key" not in page


def test_a_restricted_key_is_made_with_what_it_may(admin: Browser, shop: NewMerchant, api: Client) -> None:
    issue = keys_path(shop.merchant, "issue")
    form = {
        "kind": "rk_test_",
        "scopes": ["charges:read", "refunds:write"],
        "reason": "Asked.",
        "nonce": nonce(admin, issue),
    }
    for wrong, said in (
        ({"scopes": []}, "needs a permission"),
        ({"kind": "sk_test_"}, "Only restricted keys"),
        ({"addresses": "10.0.0.0/8 nowhere"}, "nowhere"),
        ({"kind": "pk_test_", "scopes": [], "addresses": "::1"}, "from anywhere"),
    ):
        assert said in admin.post(issue, form | wrong).content.decode()
    (text,) = KEY.findall(admin.post(issue, form | {"addresses": "127.0.0.1\n::1"}).content.decode())
    assert text.startswith("rk_test_")
    assert [Client(api.url, text).get(f"/v1/{name}").status for name in ("charges", "events")] == [200, 403]
    page = admin.get(page_of(shop.merchant)).content.decode()
    assert "charges:read refunds:write" in page and "127.0.0.1/32" in page
    key = ApiKey.objects.get(kind="restricted", last4=text[-4:])
    admin.post(
        keys_path(shop.merchant, key.pk, "addresses"), {"addresses": "10.0.0.0/8", "reason": "Asked for."}
    )
    key.refresh_from_db()
    assert key.addresses == ["10.0.0.0/8"]


def test_a_leaked_key_is_revoked_by_its_text(admin: Browser, shop: NewMerchant) -> None:
    leaked = "/admin/merchants/merchant/keys/leaked/"
    assert "ever had" in admin.post(leaked, {"text": "sk_live_nobody"}).content.decode()
    page = admin.post(leaked, {"text": f" {shop.keys['sk_live']} "}, follow=True).content.decode()
    assert "is revoked" in page and shop.keys["sk_live"] not in page
    key = ApiKey.objects.get(merchant=shop.merchant, kind="secret", livemode=True)
    assert key.revoked_at is not None


@pytest.fixture
def two_people(looking: World) -> Iterator[User]:
    """Live secret keys take two people; the other one."""
    Threshold.objects.create(action="live_key", amount_minor=0)
    yield User.objects.create_user(random_text(9))
    Threshold.objects.filter(action="live_key").delete()


def made(browser: Browser, path: str, **fields: str) -> tuple[str, Approval | None]:
    """The key that the form showed, and what it waits for."""
    shown = browser.post(path, {"reason": "Asked for.", "nonce": nonce(browser, path), **fields})
    (text,) = KEY.findall(shown.content.decode())
    waits = re.search(r">(apr_\w+)<", shown.content.decode())
    return text, Approval.objects.get(public_id=waits[1]) if waits else None


def opens(url: str, text: str) -> bool:
    return Client(url, text).get("/v1/balance").status == 200


def test_a_live_secret_key_opens_nothing_until_somebody_else_agrees(
    looking: World, admin: Browser, shop: NewMerchant, two_people: User
) -> None:
    issue = keys_path(shop.merchant, "issue")
    text, approval = made(admin, issue, kind="sk_live_")
    assert approval is not None and not opens(looking.url, text)
    assert text[-4:] in approval.summary and text not in str(approval.parameters)
    assert "Not approved" in admin.get(page_of(shop.merchant)).content.decode()
    assert AuditEntry.objects.get(object_name=approval.public_id).summary.startswith("Asks somebody to")
    with pytest.raises(SamePerson):
        approve(approval.pk, checker=approval.maker)
    assert approve(approval.pk, checker=two_people).state == "done"
    assert opens(looking.url, text)
    for kind in ("sk_test_", "pk_live_"):
        assert made(admin, issue, kind=kind)[1] is None
    refused, asked = made(admin, issue, kind="sk_live_")
    assert asked is not None
    refuse(asked.pk, checker=two_people, note="Who is that?")
    assert not opens(looking.url, refused)
    assert ApiKey.objects.get(pk=asked.parameters["key"]).revoked_at is not None
    restricted, asked = made(admin, issue, kind="rk_live_", scopes="balance:read")
    assert asked is not None and not opens(looking.url, restricted)


def test_a_live_key_is_replaced_from_the_approval_on(
    looking: World, admin: Browser, shop: NewMerchant, two_people: User
) -> None:
    old = ApiKey.objects.get(merchant=shop.merchant, kind="secret", livemode=True)
    text, approval = made(admin, keys_path(shop.merchant, old.pk, "roll"), overlap="0")
    assert approval is not None
    old.refresh_from_db()
    assert old.usable and not opens(looking.url, text)
    approve(approval.pk, checker=two_people)
    old.refresh_from_db()
    assert not old.usable and opens(looking.url, text)


def test_a_live_key_that_nobody_agreed_to_in_time_never_opens_anything(
    looking: World, admin: Browser, shop: NewMerchant, two_people: User
) -> None:
    text, approval = made(admin, keys_path(shop.merchant, "issue"), kind="sk_live_")
    assert approval is not None
    with looking.servers.superuser(looking.database) as raw:
        raw.execute("SET session_replication_role = replica")
        raw.execute("UPDATE controls_approval SET expires_at = now() WHERE id = %s", [approval.pk])
    look_after_approvals()
    approval.refresh_from_db()
    assert approval.state == "expired" and not opens(looking.url, text)
    assert ApiKey.objects.get(pk=approval.parameters["key"]).revoked_at is not None


def test_where_a_live_key_may_be_used_from_takes_two_people(
    admin: Browser, shop: NewMerchant, two_people: User
) -> None:
    Threshold.objects.create(action="key_addresses", amount_minor=0)
    keys = ApiKey.objects.filter(merchant=shop.merchant, kind="secret")
    live, test = keys.get(livemode=True), keys.get(livemode=False)
    for key in (live, test):
        path = keys_path(shop.merchant, key.pk, "addresses")
        form = {"addresses": "10.0.0.0/8", "reason": "They moved.", "nonce": nonce(admin, path)}
        for _twice in range(2):
            admin.post(path, form)
        key.refresh_from_db()
    assert (live.addresses, test.addresses) == ([], ["10.0.0.0/8"])
    asked = Approval.objects.get(action="key_addresses", merchant=shop.merchant)
    assert approve(asked.pk, checker=two_people).result.endswith("may be used from 10.0.0.0/8.")
    live.refresh_from_db()
    assert live.addresses == ["10.0.0.0/8"]
    path = keys_path(shop.merchant, live.pk, "addresses")
    admin.post(path, {"addresses": "", "reason": "They moved.", "nonce": nonce(admin, path)})
    asked = Approval.objects.get(action="key_addresses", merchant=shop.merchant, state="open")
    allow_addresses(live, ["192.0.2.1"])
    assert "meanwhile" in approve(asked.pk, checker=two_people).result
    Threshold.objects.filter(action="key_addresses").delete()


def test_a_key_that_waits_can_be_revoked_and_is_not_approved_then(
    admin: Browser, shop: NewMerchant, two_people: User
) -> None:
    _text, approval = made(admin, keys_path(shop.merchant, "issue"), kind="sk_live_")
    assert approval is not None
    admin.post(keys_path(shop.merchant, approval.parameters["key"], "revoke"))
    failed = approve(approval.pk, checker=two_people)
    assert failed.state == "failed" and "was revoked" in failed.result


def test_sql_can_not_release_a_key_that_nobody_agreed_to(
    admin: Browser, shop: NewMerchant, two_people: User
) -> None:
    _text, approval = made(admin, keys_path(shop.merchant, "issue"), kind="sk_live_")
    assert approval is not None
    with pytest.raises(IntegrityError, match="waits for somebody"):
        ApiKey.objects.filter(pk=approval.parameters["key"]).update(awaits_approval=False)


def test_a_new_merchants_live_key_waits_too(looking: World, admin: Browser, two_people: User) -> None:
    add = "/admin/merchants/merchant/add/"
    shown = admin.post(add, {"name": f"Shop {random_text(6)}", "nonce": nonce(admin, add)}).content.decode()
    texts = KEY.findall(shown)
    assert "is refused until somebody else" in shown
    assert [opens(looking.url, text) for text in texts if text.startswith("sk_")] == [True, False]


def test_the_pages_that_may_take_cards_are_listed_by_mode_and_written_down(
    admin: Browser, staff: Staff, shop: NewMerchant
) -> None:
    live, test = (
        f"/admin/merchants/merchant/{shop.merchant.pk}/origins/{mode}/" for mode in ("live", "test")
    )
    for wrong, said in (
        ({"origins": "http://shop.example", "reason": "Theirs."}, "on https"),
        ({"origins": "https://*.example", "reason": "Theirs."}, "no wildcards"),
        ({"origins": "https://shop.example", "reason": ""}, "required"),
    ):
        assert said in admin.post(live, wrong).content.decode()
    given = {"origins": "https://shop.example\nhttps://pay.shop.example/", "reason": "Asked by letter."}
    page = admin.post(live, given, follow=True).content.decode()
    assert "https://pay.shop.example" in page and "Asked by letter." in page and "integrity=" in page
    assert "https://pay.shop.example" in admin.get(live).content.decode()
    assert "https://pay.shop.example" not in admin.get(test).content.decode()
    assert "localhost" in admin.get(test).content.decode()
    waiting = ApiKey.objects.filter(merchant=shop.merchant, vault_version=1, vault_told_at=None)
    assert [(key.kind, key.livemode) for key in waiting] == [("publishable", True)]
    entry = AuditEntry.objects.latest("pk")
    assert "https://shop.example" in str(entry.__dict__) and "none listed" in str(entry.__dict__)
    assert staff("view_merchant").get(live).status_code == 403
    assert admin.get(live.replace("live", "other")).status_code == 404
