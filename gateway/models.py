"""What the console remembers of those who try to come in."""

from django.db import models
from django.db.models.functions import Now


class SignInAttempt(models.Model):
    """One try at a password or a code. Wrong until it has been proven right: who is cut off in between has not
    saved a try."""

    username = models.CharField(max_length=150)
    address = models.GenericIPAddressField(null=True)
    at = models.DateTimeField(db_default=Now())
    right = models.BooleanField(default=False, db_default=False)

    class Meta:
        db_table = "gateway_sign_in_attempt"
        default_permissions = ()
        indexes = [
            models.Index("username", "at", name="attempts_by_username"),
            models.Index("address", "at", name="attempts_by_address"),
        ]

    def __str__(self) -> str:
        return f"{self.username} from {self.address or 'nowhere'}"
