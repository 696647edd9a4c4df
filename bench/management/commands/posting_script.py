"""`posting_script MERCHANTS`: makes the merchants and accounts that postings go to, and prints a pgbench script of
the statement with which the ledger writes one, and its variables."""

import json
import re
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection

from bench.postings import BANK, KIND, OF_MERCHANT
from core.ids import new_id
from ledger.accounts import account_ids
from ledger.services import WRITE
from merchants.models import Merchant

# In the order of their merchants: the script counts on from the first.
ACCOUNTS = """
    INSERT INTO ledger_account (address, currency, livemode, merchant_id)
    SELECT replace(%s, '{}', id::text), 'usd', false, id FROM merchants_merchant WHERE name = 'Bench' ORDER BY id
    RETURNING id
"""
START = r"""\set random random(1000000000000000000, 9000000000000000000)
\set place random(0, :merchants - 1)
\set merchant :first_merchant + :place
\set account :first_account + :place
"""
VALUES = {
    "reference": "'bench_' || :random",
    "kind": f"'{KIND}'",
    "livemode": "false",
    "merchant_id": ":merchant",
    "occurred_at": "NULL",
    "reverses_id": "NULL::bigint",
    "accounts": "ARRAY[:bank, :account]",
    "currencies": "'{usd,usd}'",
    "amounts": "'{10000,-10000}'",
}


class Command(BaseCommand):
    help = "Prints the script and its variables as JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("merchants", type=int)

    def handle(self, *args: Any, merchants: int, **options: Any) -> None:
        rows = [Merchant(name="Bench", public_id=new_id("acct")) for _ in range(merchants)]
        made = sorted(row.pk for row in Merchant.objects.bulk_create(rows))
        with connection.cursor() as cursor:
            cursor.execute(ACCOUNTS, [OF_MERCHANT])
            accounts = sorted(pk for (pk,) in cursor.fetchall())
        # Sequences count on by one, in one statement that nobody disturbs.
        assert made[-1] - made[0] == accounts[-1] - accounts[0] == merchants - 1
        bank = account_ids([(BANK, "usd", False, None)])[BANK, "usd", False]
        variables = {"first_merchant": made[0], "first_account": accounts[0], "bank": bank}
        script = START + re.sub(r"%\((\w+)\)s", lambda found: VALUES[found[1]], WRITE).strip() + ";\n"
        self.stdout.write(json.dumps({"script": script, "variables": variables}))
