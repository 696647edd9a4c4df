"""What a merchant's charges cost is in their fee plans."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("merchants", "0003_order_metadata_key"),
        # Which reads what was agreed until now.
        ("payments", "0015_fee_plans"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="merchant", name="merchant_fee_is_at_most_everything"),
        migrations.RemoveField(model_name="merchant", name="fee_basis_points"),
        migrations.RemoveField(model_name="merchant", name="fee_fixed_minor"),
    ]
