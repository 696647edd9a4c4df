"""What a receipt says. The same receipt is always the same letter, with the same Message-ID."""

from dataclasses import dataclass
from email.utils import formataddr, parseaddr

from babel.dates import format_date
from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from core.amount_text import amount_text
from receipts.models import Receipt


@dataclass(frozen=True)
class Letter:
    """A rendered receipt."""

    recipient: str
    sender: str
    subject: str
    body: str
    message_id: str

    def message(self) -> EmailMessage:
        # RFC 3834: no out-of-office answers to a machine.
        headers = {"Message-ID": self.message_id, "Auto-Submitted": "auto-generated"}
        return EmailMessage(self.subject, self.body, self.sender, [self.recipient], headers=headers)


def write(receipt: Receipt) -> Letter:
    charge, merchant = receipt.charge, receipt.merchant
    context = {
        "merchant": merchant.name,
        "amount": amount_text(receipt.amount_minor, receipt.currency, receipt.language),
        "day": format_date(receipt.created_at, "long", locale=receipt.language),
        "card": f"{charge.card_brand.title()} •••• {charge.card_last4}" if charge.card_last4 else "",
        "charge": charge,
        "receipt": receipt,
    }
    text = render_to_string(f"receipts/{receipt.kind}.{receipt.language}.txt", context)
    subject, _, body = text.partition("\n")
    address = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    return Letter(
        recipient=receipt.email,
        sender=formataddr((merchant.name, address)),
        subject=subject.strip(),
        body=body.strip() + "\n",
        message_id=f"<{receipt.public_id}@{address.partition('@')[2]}>",
    )
