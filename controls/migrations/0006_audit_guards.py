"""What was written down stays."""

from django.db import migrations

from core.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [("controls", "0005_audit"), ("core", "0001_guards")]
    operations = [append_only("controls_audit")]
