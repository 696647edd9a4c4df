"""One gateway for the console's tests, with a few payments in it, and people who may do this or that."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client as Browser

from core.ids import random_text
from merchants.services import NewMerchant, create_merchant
from tests.console.desk import Desk
from tests.console.world import World, start_world
from tests.support.client import Client
from tests.support.servers import Servers

Staff = Callable[..., Browser]


@pytest.fixture(scope="session")
def world(servers: Servers) -> Iterator[World]:
    with ExitStack() as stack:
        yield start_world(stack, servers)


@pytest.fixture(scope="module")
def looking(world: World, django_db_blocker: Any) -> Iterator[World]:
    with django_db_blocker.unblock(), world.looked_at():
        yield world


@pytest.fixture
def shop(looking: World) -> NewMerchant:
    return create_merchant(f"Shop {random_text(6)}")


@pytest.fixture
def api(looking: World, shop: NewMerchant) -> Client:
    return Client(looking.url, shop.keys["sk_test"])


def person(*permissions: str, everything: bool = False) -> User:
    user = User.objects.create_user(f"maria-{random_text(6)}", is_staff=True, is_superuser=everything)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


@pytest.fixture
def admin(looking: World) -> Browser:
    """Someone who may do everything, inside this process."""
    browser = Browser()
    browser.force_login(person(everything=True))
    return browser


@pytest.fixture
def staff(looking: World) -> Staff:
    """Someone with these permissions, inside this process."""

    def logged_in(*permissions: str) -> Browser:
        browser = Browser()
        browser.force_login(person(*permissions))
        return browser

    return logged_in


@pytest.fixture
def desk(looking: World) -> Desk:
    """Someone who may look at charges and refund them, at the running gateway."""
    user = person("view_charge", "add_refund")
    return Desk.of(looking.url, user)
