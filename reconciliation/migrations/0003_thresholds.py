"""From which amount on a difference takes two people is said with all other thresholds: 1,000.00, until somebody says
otherwise."""

from typing import Any

from django.db import migrations, models

from core.money import CURRENCIES, decimals
from reconciliation.kinds import BREAK_KINDS, RESOLVING


def say(apps: Any, schema_editor: Any) -> None:
    thresholds = apps.get_model("controls", "Threshold").objects
    for currency in sorted(CURRENCIES):
        thresholds.get_or_create(
            action=RESOLVING,
            currency=currency,
            defaults={"amount_minor": 1_000 * 10 ** (decimals(currency) or 2)},
        )


class Migration(migrations.Migration):
    dependencies = [("reconciliation", "0002_guards"), ("controls", "0003_approvals")]
    operations = [
        migrations.AlterField("break", "kind", models.CharField(choices=BREAK_KINDS, max_length=16)),
        migrations.RunPython(say, migrations.RunPython.noop),
    ]
