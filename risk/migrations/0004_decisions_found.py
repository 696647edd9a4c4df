"""What a rule has decided is found, and what could not be judged."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("risk", "0003_versions_say_their_state")]

    operations = [
        migrations.AddIndex(
            model_name="decision",
            index=models.Index(
                fields=["rule", "id"],
                condition=models.Q(("rule", ""), _negated=True),
                name="decisions_by_rule",
            ),
        ),
        migrations.AddIndex(
            model_name="decision",
            index=models.Index(
                fields=["id"],
                condition=models.Q(("fault", ""), _negated=True),
                name="decisions_with_a_fault",
            ),
        ),
    ]
