"""Where a merchant names its orders."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("merchants", "0002_guards"),
    ]

    operations = [
        migrations.AddField(
            model_name="merchant",
            name="order_metadata_key",
            field=models.CharField(blank=True, db_default="", default="", max_length=40),
        ),
    ]
