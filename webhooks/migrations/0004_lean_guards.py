"""The same rules of endpoints and deliveries, in words that PostgreSQL reads faster."""

from importlib import import_module

from django.db import migrations

from core.append_only import Rule

BEFORE = import_module("webhooks.migrations.0002_guards")


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0003_notifications")]
    operations = [rule.again() for rule in BEFORE.Migration.operations if isinstance(rule, Rule)]
