"""A key that takes two people is made at once and accepted once somebody else has agreed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("merchants", "0005_restricted_keys")]
    operations = [
        migrations.AddField(
            model_name="apikey",
            name="awaits_approval",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
    ]
