"""`manage.py seed_demo`: the merchant and the console user that `make run` shows, the same at every start."""

import json
import os
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from merchants.models import ApiKey, Merchant
from merchants.services import hash_key, issue_key
from payments.services.publishable_keys import push_publishable_keys

NAME = "Demo Shop"
USER = "admin"


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
                    "console": {"user": USER, "password": password},
                }
            )
        )
