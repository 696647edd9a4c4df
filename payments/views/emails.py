"""Addresses that receipts may go to."""

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from core.errors import InvalidRequest
from core.params import limited

# What SMTP can carry: 64 before the @, 255 after it.
EMAIL_CHARACTERS = 320


def email_of(param: str, value: str | None) -> str:
    """The address, "" for none. InvalidRequest for what is none."""
    address = limited(param, value, EMAIL_CHARACTERS)
    if address:
        try:
            validate_email(address)
        except ValidationError as error:
            raise InvalidRequest(
                f"Invalid email address: {address[:100]}", param=param, code="email_invalid"
            ) from error
    return address
