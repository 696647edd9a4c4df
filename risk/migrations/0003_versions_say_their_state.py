"""A version says which state it is born in."""

import django_fsm
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("risk", "0002_rules")]

    operations = [
        migrations.AlterField(
            model_name="ruleversion",
            name="state",
            field=django_fsm.FSMField(
                choices=[("draft", "Draft"), ("shadow", "Shadow"), ("live", "Live"), ("retired", "Retired")],
                default="draft",
                max_length=7,
                protected=True,
            ),
        ),
    ]
