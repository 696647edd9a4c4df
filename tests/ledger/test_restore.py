"""The books in another cluster, where PostgreSQL counts transactions anew: seals, balances and proofs go on."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import dj_database_url
import psycopg
import pytest
from django.conf import settings

from gateway.embedded import EmbeddedPostgres, _postgres
from ledger.limits import set_limit
from ledger.models import LedgerSeal
from ledger.queries import balances
from ledger.seal_check import Head, head
from ledger.seals import seal_all, unsealed
from merchants.services import create_merchant
from tests.conftest import Books, point_django_at
from tests.ledger.bookings import hold, post
from tests.ledger.test_limits import available, money
from tests.ledger.test_seals import note
from tests.ledger.test_verify_ledger import verify, verify_broken

DATABASE = "restored"
# Further than a new cluster counts by being restored: what it books then has numbers that were used before.
TRANSACTIONS_BEFORE = 10_000


@pytest.fixture
def before(books: Books) -> tuple[int, Head]:
    """A merchant with three holds, of which the last is not sealed, and the head of the seals."""
    with books.superuser() as counting:
        for _ in range(TRANSACTIONS_BEFORE):
            counting.execute("SELECT pg_current_xact_id()")
    merchant_id = create_merchant("A shop").merchant.pk
    for amount_minor in (100, 200):
        post(merchant_id, hold(merchant_id, amount_minor))
        note("sealed there")
        seal_all()
    note("brought along")
    post(merchant_id, hold(merchant_id, 400))
    set_limit(available(merchant_id), "eur", livemode=False, merchant_id=merchant_id, max_balance_minor=0)
    post(merchant_id, money(merchant_id, -1_000), kind="available")
    pay_out(merchant_id, 600)
    known = head()
    assert known is not None
    return merchant_id, known


@pytest.fixture
def restored(books: Books, before: tuple[int, Head], tmp_path: Path) -> Iterator[psycopg.Connection]:
    """A superuser of a cluster of its own, in which Django now works too."""
    file = tmp_path / "books.dump"
    _run("pg_dump", "--format=custom", f"--file={file}", books.servers.postgres.superuser_url(books.name))
    was = dict(settings.DATABASES["default"])
    with ExitStack() as stack:
        cluster = stack.enter_context(EmbeddedPostgres(tmp_path / "cluster"))
        with psycopg.connect(cluster.superuser_url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0")
        url = cluster.superuser_url(DATABASE)
        _run("pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", f"--dbname={url}", str(file))
        point_django_at(dj_database_url.parse(url))
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                yield connection
        finally:
            point_django_at(was)


def pay_out(merchant_id: int, amount_minor: int) -> None:
    post(merchant_id, money(merchant_id, amount_minor), kind="payout_started")


def _run(program: str, *arguments: str) -> None:
    done = subprocess.run([str(_postgres(program)), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def held(merchant_id: int) -> int:
    return {row.address: row.balance for row in balances(merchant_id)}[f"merchant:{merchant_id}:unconfirmed"]


def test_books_survive_a_restore_elsewhere(
    before: tuple[int, Head], restored: psycopg.Connection, tmp_path: Path
) -> None:
    merchant_id, known = before
    anchor = tmp_path / "heads.txt"
    anchor.write_text(f"{known}\n")
    assert verify("--quiet", f"--anchor={anchor}") == ""
    assert held(merchant_id) == -700
    assert unsealed().transactions == 3

    # Before and after the first seal of this cluster, whose transactions may have numbers that were used before.
    post(merchant_id, hold(merchant_id, 800))
    assert held(merchant_id) == -1_500
    assert unsealed().transactions == 4
    assert seal_all() == 4
    post(merchant_id, hold(merchant_id, 1_600))
    assert seal_all() == 1
    assert unsealed().transactions == 0
    assert held(merchant_id) == -3_100
    assert verify("--quiet", f"--anchor={anchor}") == ""
    systems = list(LedgerSeal.objects.order_by("number").values_list("system_identifier", flat=True))
    assert len(set(systems)) == 2

    # In what was sealed there, in what was sealed here first, and in what is new here.
    for amount_minor in (100, 400, 800):
        assert_tampering_is_found(restored, amount_minor)


def test_limits_and_their_proofs_survive_a_restore(
    before: tuple[int, Head], restored: psycopg.Connection
) -> None:
    """What was asked there is measured there, what is asked here sees all that came along."""
    merchant_id = before[0]
    seal_all()
    pay_out(merchant_id, 300)
    assert verify("--quiet") == ""
    set_limit(available(merchant_id), "eur", livemode=False, merchant_id=merchant_id, max_balance_minor=10)
    pay_out(merchant_id, 110)
    seal_all()
    assert verify("--quiet") == ""
    restored.execute("SET session_replication_role = replica")
    for old, new in ((0, 7), (10, 11)):
        restored.execute(
            "UPDATE ledger_limit SET max_balance_minor = %s WHERE max_balance_minor = %s", [new, old]
        )
        assert "was changed, or its account was" in verify_broken("--quiet")
        restored.execute(
            "UPDATE ledger_limit SET max_balance_minor = %s WHERE max_balance_minor = %s", [old, new]
        )
    assert verify("--quiet") == ""


def test_the_audit_survives_a_restore(restored: psycopg.Connection) -> None:
    seal_all()
    note("new here")
    seal_all()
    assert verify("--quiet") == ""
    restored.execute("SET session_replication_role = replica")
    for summary in ("sealed there", "brought along", "new here"):
        change = "UPDATE controls_audit SET summary = %s WHERE summary = %s"
        restored.execute(change, ["forged", summary])
        assert "audit line" in verify_broken("--quiet")
        restored.execute(change, [summary, "forged"])
    assert verify("--quiet") == ""


def assert_tampering_is_found(restored: psycopg.Connection, amount_minor: int) -> None:
    change = "UPDATE ledger_entry SET amount_minor = amount_minor * %s / %s WHERE abs(amount_minor) = %s"
    restored.execute("SET session_replication_role = replica")
    restored.execute(change, [3, 1, amount_minor])
    assert "was changed" in verify_broken("--quiet")
    restored.execute(change, [1, 3, amount_minor * 3])
    assert verify("--quiet") == ""
