"""The lists and rules that every gateway begins with."""

from typing import Any

from django.db import migrations
from django.utils import timezone

from risk.shipped import LISTS, RULES

SHIPPED_BY = "Tollgate"


def install(apps: Any, schema_editor: Any) -> None:
    lists, rules, versions, changes = (
        apps.get_model("risk", name) for name in ("ValueList", "Rule", "RuleVersion", "RuleChange")
    )
    for livemode in (True, False):
        for one in LISTS:
            lists.objects.create(
                livemode=livemode,
                key=one.key,
                name=one.name,
                item_type=one.item_type,
                filled_by=one.filled_by,
                created_by=SHIPPED_BY,
            )
        for shipped in RULES:
            rule = rules.objects.create(name=shipped.name, livemode=livemode)
            version = versions.objects.create(
                rule=rule, number=1, expression=shipped.expression, action=shipped.action
            )
            for state in ("draft", "live"):
                versions.objects.filter(pk=version.pk).update(state=state)
                changes.objects.create(
                    version=version,
                    state=state,
                    actor=SHIPPED_BY,
                    reason=shipped.reason,
                    at=timezone.now(),
                )


class Migration(migrations.Migration):
    dependencies = [("risk", "0005_lists")]

    # What is installed is staff's: it stays.
    operations = [migrations.RunPython(install, migrations.RunPython.noop)]
