"""An order is paid once: while one payment of it is made, or its outcome is awaited, there is no second one."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import IntegrityError

from core.db import constraint_of, release_connection
from merchants.auth import Caller
from payments.errors import OrderTaken
from payments.models import PaymentIntent

CONSTRAINT = "order_is_paid_once"


def check_order(caller: Caller, order_reference: str) -> None:
    """OrderTaken where a payment binds the order already."""
    if order_reference and (first := _binding(caller.merchant_id, caller.livemode, order_reference)):
        raise OrderTaken(order_reference, first)


@contextmanager
def one_payment_per_order(intent: PaymentIntent) -> Iterator[None]:
    """What PostgreSQL says of two at once, in the words of the wire."""
    try:
        yield
    except (IntegrityError, psycopg.errors.UniqueViolation) as error:
        if constraint_of(error) != CONSTRAINT:
            raise
        first = _binding(intent.merchant_id, intent.livemode, intent.order_reference)
        release_connection()
        raise OrderTaken(intent.order_reference, first or "another payment") from error


def _binding(merchant_id: int, livemode: bool, order_reference: str) -> str | None:
    own = PaymentIntent.objects.filter(merchant_id=merchant_id, livemode=livemode, order_held=order_reference)
    return own.values_list("public_id", flat=True).first()
