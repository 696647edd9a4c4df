"""The way into the console, over HTTP: password, second factor, how long that lasts, and what stops guessing."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.sessions.backends.db import SessionStore
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from core.identity import PROVED_AT
from core.ids import random_text
from gateway.models import SignInAttempt
from gateway.sign_in import SEEN_AT, STARTED_AT
from tests.console.desk import Desk
from tests.console.world import World, start_world
from tests.support.servers import Servers

PASSWORD = "a-password-for-these-tests"
ASKED = "Code of your authenticator app"
HOME = "tg-home-bar"


@pytest.fixture(scope="module")
def strict(servers: Servers, django_db_blocker: Any) -> Iterator[World]:
    """A console that requires the second factor, as in production, and believes one proxy."""
    with ExitStack() as stack:
        world = start_world(stack, servers, "second_factor", SECOND_FACTOR="required", TRUSTED_PROXIES="1")
        stack.enter_context(django_db_blocker.unblock())
        stack.enter_context(world.looked_at())
        yield world


@pytest.fixture
def clerk(strict: World) -> Desk:
    return stranger(strict, "finance")


def stranger(world: World, role: str) -> Desk:
    """A person with a password, at an address of their own, who has not signed in."""
    user = User.objects.create_user(f"{role}-{random_text(8)}", password=PASSWORD, is_staff=True)
    user.groups.set([Group.objects.get(name=role)])
    return Desk(world.url, user.username, address=f"10.0.{user.pk // 250}.{user.pk % 250}")


def sign_in(desk: Desk, password: str = PASSWORD) -> str:
    fields = {"username": desk.username, "password": password, "next": "/admin/"}
    return desk.post("/admin/login/?next=/admin/", fields)


def code(desk: Desk, step: int = 0) -> str:
    """What the app shows now, or so many steps of half a minute from now."""
    return shown(secret(desk), step)


def secret(desk: Desk) -> bytes:
    key: bytes = TOTPDevice.objects.get(user__username=desk.username).bin_key
    return key


def shown(key: bytes, step: int = 0) -> str:
    left = 30 - time.time() % 30
    if left < 3:
        # So that the code is not a step older when it arrives.
        time.sleep(left)
    return f"{totp(key, t0=-30 * step):06d}"


def enrol(desk: Desk) -> list[str]:
    """The recovery codes."""
    sign_in(desk)
    page = desk.post("/admin/second-factor/enrol/", {"code": code(desk, -1)})
    return re.findall(r'<li><code class="tg-mono">(\w+)</code>', page)


def test_a_viewer_signs_in_with_a_password(strict: World) -> None:
    assert HOME in sign_in(stranger(strict, "viewer"))


@pytest.mark.parametrize("role", ["support", "finance", "approver", "risk", "ops", "admin"])
def test_whoever_may_act_sets_up_a_second_factor_first(strict: World, role: str) -> None:
    desk = stranger(strict, role)
    page = sign_in(desk)
    assert "Set up a second factor" in page and "<svg" in page
    for path in ("/admin/", "/admin/payments/charge/", "/admin/auth/user/", "/admin/confirm/"):
        assert desk.knock("GET", path) == (302, "/admin/second-factor/")
        assert desk.knock("POST", path) == (302, "/admin/second-factor/")


def test_the_app_s_code_opens_the_console_and_gives_recovery_codes_once(clerk: Desk) -> None:
    codes = enrol(clerk)
    assert len(codes) == len(set(codes)) == 10
    assert HOME in clerk.get("/admin/")
    assert codes[0] not in clerk.get("/admin/second-factor/codes/")


def test_afterwards_the_password_alone_opens_nothing(clerk: Desk) -> None:
    enrol(clerk)
    again = Desk(clerk.url, clerk.username, address=clerk.address)
    assert ASKED in sign_in(again)
    # Nor may the password alone set up another app.
    assert ASKED in again.get("/admin/second-factor/enrol/")
    assert "not right" in again.post("/admin/second-factor/", {"code": "000000"})
    assert again.knock("GET", "/admin/payments/charge/") == (302, "/admin/second-factor/")
    assert HOME in again.post("/admin/second-factor/", {"code": code(clerk)})


def test_a_code_works_once(clerk: Desk) -> None:
    enrol(clerk)
    used = code(clerk, -1)
    again = Desk(clerk.url, clerk.username, address=clerk.address)
    sign_in(again)
    assert "used before" in again.post("/admin/second-factor/", {"code": used})
    # Nor does an older one, once a newer one was used.
    assert HOME in again.post("/admin/second-factor/", {"code": code(clerk, 1)})
    third = Desk(clerk.url, clerk.username, address=clerk.address)
    sign_in(third)
    assert "used before" in third.post("/admin/second-factor/", {"code": code(clerk)})


def test_a_code_sent_many_times_at_once_lets_one_in(clerk: Desk) -> None:
    enrol(clerk)
    desks = [Desk(clerk.url, clerk.username, address=clerk.address) for _ in range(4)]
    for desk in desks:
        sign_in(desk)
        desk.signed({})
    used = code(clerk)
    with ThreadPoolExecutor(4) as pool:
        statuses = list(
            pool.map(lambda desk: desk.knock("POST", "/admin/second-factor/", {"code": used})[0], desks)
        )
    assert sorted(statuses) == [200, 200, 200, 302]


def test_a_recovery_code_works_once(clerk: Desk) -> None:
    codes = enrol(clerk)
    for expected in (HOME, "used before"):
        desk = Desk(clerk.url, clerk.username, address=clerk.address)
        sign_in(desk)
        assert expected in desk.post("/admin/second-factor/", {"code": codes[3]})
    assert StaticToken.objects.filter(device__user__username=clerk.username).count() == 9


def test_new_recovery_codes_want_a_fresh_proof_and_replace_the_old(clerk: Desk) -> None:
    old = enrol(clerk)
    age(clerk, **{PROVED_AT: 301})
    assert "Is it still you?" in clerk.post("/admin/second-factor/codes/", {})
    page = clerk.post("/admin/confirm/?next=/admin/second-factor/codes/", {"code": code(clerk)})
    assert "10 recovery codes left" in page
    new = re.findall(r'<li><code class="tg-mono">(\w+)</code>', clerk.post("/admin/second-factor/codes/", {}))
    assert len(new) == 10 and not set(new) & set(old)


def test_the_page_that_asks_again_leads_nowhere_else(clerk: Desk) -> None:
    enrol(clerk)
    status, leads_to = clerk.knock(
        "POST", "/admin/confirm/?next=https://evil.example/", {"code": code(clerk)}
    )
    assert (status, leads_to) == (302, "/admin/")


def session(desk: Desk) -> SessionStore:
    return SessionStore(desk.cookies["sessionid"])


def age(desk: Desk, **seconds: int) -> None:
    """The person's session as if that time had passed."""
    store = session(desk)
    for name, passed in seconds.items():
        store[name] = int(time.time()) - passed
    store.save()


@pytest.mark.parametrize(("name", "seconds"), [(SEEN_AT, 31 * 60), (STARTED_AT, 12 * 3_600 + 60)])
def test_a_session_ends_when_it_is_idle_and_after_a_day_of_work(
    strict: World, name: str, seconds: int
) -> None:
    desk = stranger(strict, "viewer")
    sign_in(desk)
    age(desk, **{name: seconds - 120})
    assert HOME in desk.get("/admin/")
    age(desk, **{name: seconds})
    page = desk.get("/admin/")
    assert "You were signed out" in page and 'name="password"' in page
    assert 'name="password"' in desk.get("/admin/payments/charge/")


def test_signing_in_gives_the_session_a_new_name(clerk: Desk) -> None:
    clerk.signed({})
    sign_in(clerk)
    after_password = clerk.cookies["sessionid"]
    clerk.post("/admin/second-factor/enrol/", {"code": code(clerk)})
    assert clerk.cookies["sessionid"] != after_password
    assert not SessionStore().exists(after_password)


def test_five_wrong_passwords_shut_the_name_at_that_address_only(strict: World) -> None:
    desk = stranger(strict, "viewer")
    for _ in range(5):
        assert "Please enter the correct" in sign_in(desk, "wrong")
    assert "Too many wrong tries" in sign_in(desk)
    elsewhere = Desk(desk.url, desk.username, address="192.0.2.77")
    assert HOME in sign_in(elsewhere)
    SignInAttempt.objects.filter(username=desk.username).update(at="2020-01-01T00:00Z")
    assert HOME in sign_in(desk)


def test_guesses_at_once_are_worth_no_more_than_guesses_in_a_row(strict: World) -> None:
    desk = stranger(strict, "viewer")
    desks = [Desk(desk.url, desk.username, address=desk.address) for _ in range(12)]
    for one in desks:
        one.signed({})
    with ThreadPoolExecutor(12) as pool:
        pages = list(pool.map(lambda one: sign_in(one, "wrong"), desks))
    assert sum("Please enter the correct" in page for page in pages) <= 5
    assert SignInAttempt.objects.filter(username=desk.username).count() <= 5


def test_one_address_can_not_try_one_name_after_the_other(strict: World) -> None:
    SignInAttempt.objects.bulk_create(
        SignInAttempt(username=f"nobody-{number}", address="192.0.2.99") for number in range(30)
    )
    desk = stranger(strict, "viewer")
    desk.address = "192.0.2.99"
    assert "Too many wrong tries" in sign_in(desk)


def test_what_a_client_says_of_its_address_does_not_count(strict: World) -> None:
    desk = stranger(strict, "viewer")
    for number in range(5):
        desk.address = f"203.0.113.{number}, 192.0.2.50"
        sign_in(desk, "wrong")
    desk.address = "203.0.113.9, 192.0.2.50"
    assert "Too many wrong tries" in sign_in(desk)


def test_wrong_codes_are_counted_and_a_right_password_does_not_buy_more(clerk: Desk) -> None:
    enrol(clerk)
    again = Desk(clerk.url, clerk.username, address=clerk.address)
    sign_in(again)
    for number in range(5):
        assert "not right" in again.post("/admin/second-factor/", {"code": f"{number:06d}"})
    assert "Too many wrong tries" in again.post("/admin/second-factor/", {"code": code(clerk)})
    assert "Too many wrong tries" in sign_in(Desk(clerk.url, clerk.username, address=clerk.address))


def test_an_admin_takes_a_lost_second_factor_away_but_not_their_own(strict: World, clerk: Desk) -> None:
    enrol(clerk)
    admin = stranger(strict, "admin")
    enrol(admin)
    person = User.objects.get(username=clerk.username)
    assert "sets up a new second factor" in admin.post(f"/admin/auth/user/{person.pk}/second-factor/", {})
    # The session that it opened is worth no more than the password.
    assert clerk.knock("GET", "/admin/") == (302, "/admin/second-factor/")
    own = User.objects.get(username=admin.username)
    assert admin.knock("POST", f"/admin/auth/user/{own.pk}/second-factor/")[0] == 403


def test_nobody_sees_a_secret_in_the_console(strict: World) -> None:
    admin = stranger(strict, "admin")
    enrol(admin)
    assert admin.knock("GET", "/admin/otp_totp/totpdevice/")[0] == 404
    key = secret(admin).hex()
    user = User.objects.get(username=admin.username)
    assert key not in admin.get(f"/admin/auth/user/{user.pk}/change/")
