"""`manage.py seed_demo`: the merchant and the console user that `make run` shows, the same at every start."""

import json
import os
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from merchants.auth import keyless_caller
from merchants.models import ApiKey, Merchant
from merchants.services import hash_key, issue_key
from payments.addresses import checkout_address
from payments.models import CheckoutSession
from payments.services.checkout import NewSession, create_session
from payments.services.intents import NewIntent
from payments.services.publishable_keys import push_publishable_keys

NAME = "Demo Shop"
USER = "admin"
ITEMS: list[dict[str, Any]] = [
    {"name": "Tent for two", "description": "Green, 1.9 kg", "unit_minor": 18900, "quantity": 1},
    {"name": "Sleeping mat", "description": "", "unit_minor": 2450, "quantity": 2},
]


class Command(BaseCommand):
    help = "Makes the demo merchant and console user, or leaves them as they are. Development only."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEVELOPMENT:
            raise CommandError("The demo's keys and password belong on a developer's machine only.")
        keys = {"sk_test": os.environ["DEMO_SECRET_KEY"], "pk_test": os.environ["DEMO_PUBLISHABLE_KEY"]}
        password = os.environ["DEMO_CONSOLE_PASSWORD"]
        merchant, _ = Merchant.objects.get_or_create(name=NAME)
        for prefix, text in keys.items():
            if not ApiKey.objects.filter(hash=hash_key(text)).exists():
                kind = ApiKey.Kind.SECRET if prefix == "sk_test" else ApiKey.Kind.PUBLISHABLE
                issue_key(merchant, kind=kind, livemode=False, text=text)
        push_publishable_keys()
        users = get_user_model().objects
        if not users.filter(username=USER).exists():
            users.create_superuser(USER, password=password)
        self.stdout.write(
            json.dumps(
                {
                    "merchant": merchant.public_id,
                    "keys": keys,
                    "checkout": demo_checkout(merchant),
                    "console": {"user": USER, "password": password},
                }
            )
        )


def demo_checkout(merchant: Merchant) -> str:
    """The address of a page to try a payment at: the last start's, if it is good for half a day to come."""
    enough = timezone.now() + timedelta(hours=12)
    known = CheckoutSession.objects.filter(
        merchant=merchant, livemode=False, state=CheckoutSession.State.OPEN, expires_at__gt=enough
    ).last()
    if known is not None:
        return checkout_address(known.public_id)
    caller = keyless_caller(merchant, livemode=False, name="seed_demo")
    total = sum(item["unit_minor"] * item["quantity"] for item in ITEMS)
    options = {"automatic_payment_methods": {"enabled": True, "allow_redirects": "always"}}
    asked = NewSession(
        intent=NewIntent(total, "eur", description="A tent for two", options=options),
        items=ITEMS,
        expires_at=timezone.now() + timedelta(hours=24),
    )
    return str(json.loads(create_session(caller=caller, asked=asked, key=None).body)["url"])
