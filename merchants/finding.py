"""What the console's one box finds of merchants: by id, and by a part of their name. There are thousands at most."""

from core.finding import MOST, Finder, Found, Term, register
from core.showing import page_url
from merchants.models import Merchant

SHORTEST = 2


def _merchants(term: Term) -> list[Found]:
    if term.prefix == "acct":
        by, rows = "id", Merchant.objects.filter(public_id=term.text)
    elif len(term.word) >= SHORTEST:
        by, rows = "name", Merchant.objects.filter(name__icontains=term.word)
    else:
        return []
    return [Found(row.name, page_url(row), by, row.public_id) for row in rows.order_by("name", "pk")[:MOST]]


register(Finder("Merchants", "merchants.view_merchant", _merchants, 5))
