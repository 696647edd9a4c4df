"""Files that prove something in a dispute, reminders of its deadline, and what disputes cost each merchant."""

import functools

import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.text
from django.db import migrations, models

import core.ids
from core.append_only import append_only

# Each fee is a whole number of the smallest unit, and none is a gift.
FEES = """
    ALTER TABLE payments_terms ADD CONSTRAINT dispute_fees_are_amounts CHECK (
        jsonb_typeof(dispute_fees) = 'object' AND NOT jsonb_path_exists(dispute_fees,
            '$.* ? (@.type() != "number" || @ < 0 || @ != @.floor())'));
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0016_reserves")]

    operations = [
        migrations.AlterModelOptions(
            "dispute", {"permissions": [("accept_dispute", "Can give a dispute up")]}
        ),
        migrations.AddField("dispute", "reminded_days", models.PositiveSmallIntegerField(null=True)),
        migrations.AddField(
            "terms", "dispute_fees", models.JSONField(blank=True, db_default={}, default=dict)
        ),
        migrations.RunSQL(FEES, "ALTER TABLE payments_terms DROP CONSTRAINT dispute_fees_are_amounts"),
        migrations.CreateModel(
            "EvidenceFile",
            [
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "public_id",
                    models.CharField(
                        default=functools.partial(core.ids.new_id, "file"), editable=False, max_length=40
                    ),
                ),
                ("field", models.CharField(max_length=40)),
                ("name", models.CharField(max_length=100)),
                ("content_type", models.CharField(max_length=40)),
                ("content", models.BinaryField()),
                ("size", models.PositiveIntegerField()),
                ("actor", models.CharField(blank=True, db_default="", default="", max_length=100)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "dispute",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="files",
                        to="payments.dispute",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("public_id",), name="evidence_file_once"),
                    models.CheckConstraint(
                        condition=models.Q(content_type__in=["application/pdf", "image/png", "image/jpeg"]),
                        name="evidence_is_of_a_type_that_banks_read",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            size__gt=0,
                            size__lte=4_500_000,
                            size=django.db.models.functions.text.Length("content"),
                        ),
                        name="evidence_has_its_size",
                    ),
                ]
            },
        ),
        append_only("payments_evidencefile"),
    ]
