"""EvidenceFile: a document that a dispute was answered with."""

from django.db import models
from django.db.models.functions import Length, Now

from payments.fields import once, prefixed, text
from payments.models.dispute import Dispute


class EvidenceFile(models.Model):
    """Whose it is and in which mode, its dispute says. Kept as it was handed in, for as long as the dispute is known:
    append-only. Which of them count, the dispute's evidence says."""

    public_id = prefixed("file")
    dispute = models.ForeignKey(Dispute, on_delete=models.PROTECT, related_name="files")
    # Which of the evidence's fields it was handed in for.
    field = models.CharField(max_length=40)
    name = models.CharField(max_length=100)
    content_type = models.CharField(max_length=40)
    content = models.BinaryField()
    size = models.PositiveIntegerField()
    actor = text(100)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            once("evidence_file_once"),
            models.CheckConstraint(
                condition=models.Q(content_type__in=["application/pdf", "image/png", "image/jpeg"]),
                name="evidence_is_of_a_type_that_banks_read",
            ),
            models.CheckConstraint(
                condition=models.Q(size__gt=0, size__lte=4_500_000, size=Length("content")),
                name="evidence_has_its_size",
            ),
        ]

    def __str__(self) -> str:
        return self.public_id
