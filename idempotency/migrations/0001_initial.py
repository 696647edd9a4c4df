import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("merchants", "0002_guards"),
    ]

    operations = [
        migrations.CreateModel(
            name="Claim",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("livemode", models.BooleanField()),
                ("key", models.CharField(max_length=255)),
                ("fingerprint", models.CharField(max_length=64)),
                ("owner", models.CharField(db_default="", default="", max_length=200)),
                ("lease_until", models.DateTimeField()),
                ("operation", models.CharField(db_default="", default="", max_length=40)),
                ("request_id", models.CharField(max_length=40)),
                ("status", models.PositiveSmallIntegerField(null=True)),
                ("body", models.TextField(null=True)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("answered_at", models.DateTimeField(null=True)),
                (
                    "merchant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="merchants.merchant",
                    ),
                ),
            ],
            options={
                "db_table": "idempotency_claim",
                "indexes": [models.Index(fields=["created_at"], name="claims_by_age")],
                "constraints": [
                    models.UniqueConstraint(fields=("merchant", "livemode", "key"), name="one_claim_per_key"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("answered_at", None), ("body", None), ("status", None)),
                            models.Q(
                                ("answered_at__isnull", False),
                                ("body__isnull", False),
                                ("status__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="an_answer_is_whole",
                    ),
                ],
            },
        ),
    ]
