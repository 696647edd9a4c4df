"""Lines that the tests post, and threads that post them."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connection

from core.ids import new_id
from ledger import services
from ledger.lines import Line, credit, debit
from ledger.models import LedgerTransaction
from ledger.queries import balance

T = TypeVar("T")


def hold(merchant_id: int, amount_minor: int = 10_000, currency: str = "eur") -> list[Line]:
    """A sale is started."""
    return [
        debit("processor:sandbox:unconfirmed", currency, amount_minor),
        credit(f"merchant:{merchant_id}:unconfirmed", currency, amount_minor),
    ]


def confirmation(merchant_id: int, amount_minor: int = 10_000, fee_minor: int = 320) -> list[Line]:
    """The same sale is confirmed: what was held is released, and earned."""
    return [
        debit("processor:sandbox:clearing", "eur", amount_minor),
        debit(f"merchant:{merchant_id}:unconfirmed", "eur", amount_minor),
        credit("processor:sandbox:unconfirmed", "eur", amount_minor),
        credit(f"merchant:{merchant_id}:pending", "eur", amount_minor - fee_minor),
        credit("fees:earned", "eur", fee_minor),
    ]


def post(merchant_id: int, lines: list[Line], *, reference: str = "", **more: object) -> LedgerTransaction:
    options = {"kind": "sale_started", "livemode": False, "merchant_id": merchant_id} | more
    return services.post(reference=reference or fresh_reference(), lines=lines, **options)  # type: ignore[arg-type]


def fresh_reference() -> str:
    return f"{new_id('op')}:start"


def merchant_balance(merchant_id: int, account: str, currency: str = "eur", *, livemode: bool = False) -> int:
    return balance(f"merchant:{merchant_id}:{account}", currency, livemode)


def at_once(count: int, work: Callable[[int], T]) -> list[T | Exception]:
    """What `work(0)` … `work(count - 1)` return or raise when threads start them at the same moment."""
    barrier = threading.Barrier(count)

    def run(number: int) -> T | Exception:
        barrier.wait()
        try:
            return work(number)
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(run, range(count)))
