from django.db import migrations, models

from reconciliation.kinds import BREAK_KINDS


class Migration(migrations.Migration):
    dependencies = [("reconciliation", "0002_guards")]
    operations = [
        migrations.AlterField("break", "kind", models.CharField(choices=BREAK_KINDS, max_length=16))
    ]
