"""Who is on a list is found however they are spelled, until it expires or somebody takes them off; never twice."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.utils import timezone
from psycopg.errors import CheckViolation, RestrictViolation

from core.errors import InvalidRequest
from merchants.models import Merchant
from merchants.services import create_merchant
from risk import listed, listing, shipped
from risk.language import check
from risk.listing import Entry, Index, matched_by
from risk.models import ItemType, RuleVersion, ValueList, ValueListItem
from risk.queries import list_keys
from risk.services.lists import (
    OnTheList,
    add_item,
    create_list,
    delete_list,
    list_disputed,
    remove_item,
    unlist_disputed,
)
from tests.conftest import Books
from tests.risk.test_velocity import asked, facts_of


@pytest.fixture
def merchant(books: Books) -> Iterator[Merchant]:
    listed.forget()
    yield create_merchant("A shop").merchant
    listed.forget()


def shipped_list(key: str, *, livemode: bool = True) -> ValueList:
    return ValueList.objects.get(merchant=None, key=key, livemode=livemode, state="active")


def put(row: ValueList, value: str, **changes: Any) -> ValueListItem:
    given: dict[str, Any] = {"value": value, "reason": "Seen before.", "added_by": "rita"}
    return add_item(row.pk, **given | changes)


def on(merchant: Merchant, **payment: Any) -> set[str]:
    request = asked(merchant, **payment)
    facts = facts_of(request)
    facts["card"]["country"] = payment.get("card_country", "US")
    keys, entries = listed.on_lists(request, facts)
    assert {entry["list"] for entry in entries} == {key for key, is_on in keys.items() if is_on}
    return {key for key, is_on in keys.items() if is_on}


@pytest.mark.parametrize(
    ("key", "value", "payment"),
    [
        ("blocked_emails", "J.Doe+x@GoogleMail.com", {"email": "jdoe@gmail.com"}),
        ("blocked_domains", "@Bücher.example", {"email": "a@shop.xn--bcher-kva.example"}),
        ("blocked_bins", "987654", {"card_bin": "987654"}),
        ("blocked_cards", "Fp9", {"card_fingerprint": "Fp9"}),
        ("blocked_countries", "kp", {"card_country": "KP"}),
        ("blocked_ips", "198.51.100.0/24", {"ip": "::ffff:198.51.100.250"}),
        ("blocked_ips", "2001:db8:7::/48", {"ip": "2001:DB8:7:ffff::1"}),
    ],
)
def test_a_payment_is_on_a_list_in_every_spelling_until_it_is_taken_off(
    merchant: Merchant, key: str, value: str, payment: dict[str, Any]
) -> None:
    assert key not in on(merchant, **payment)
    item = put(shipped_list(key), value)
    assert key in on(merchant, **payment)
    assert key not in on(merchant) and key not in on(merchant, livemode=False, **payment)
    remove_item(item.pk, by="rita", reason="A mistake.")
    remove_item(item.pk, by="tom", reason="Again.")
    assert key not in on(merchant, **payment)
    item = ValueListItem.objects.get(pk=item.pk)
    assert (item.state, item.removed_by, item.removed_reason) == ("removed", "rita", "A mistake.")


@pytest.mark.parametrize(
    ("item_type", "value", "why"),
    [
        ("card_bin", "4242", "six digits"),
        ("card_bin", "\u0664\u0662\u0664\u0662\u0664\u0662", "six digits"),
        ("country", "DEU", "two letters"),
        ("email", "jenny", "no email"),
        ("email", "@example.com", "no email"),
        ("email_domain", "*.example.com", "no domain"),
        ("email_domain", "com", "no domain"),
        ("ip_address", "203.0.113.7/24", "host bits"),
        ("ip_address", "0.0.0.0/0", "wider than /8"),
        ("ip_address", "2000::/3", "wider than /19"),
        ("string", "  ", "empty"),
        ("customer_id", "cus_1", "no lists of"),
    ],
)
def test_what_would_match_nothing_or_everything_is_refused(item_type: str, value: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        matched_by(item_type, value)


def test_every_type_of_list_can_be_matched() -> None:
    assert {kind.value for kind in ItemType} == {
        listing.CARD,
        listing.BIN,
        listing.EMAIL,
        listing.DOMAIN,
        listing.IP,
        listing.COUNTRY,
        listing.TEXT,
        listing.EXACT_TEXT,
    }


def test_an_entry_ends_at_the_moment_it_says() -> None:
    now = timezone.now()
    index = Index()
    index.add(listing.BIN, "424242", Entry("k", "rsli_1", None, True, now))
    facts = {
        "card": {"fingerprint": "", "bin": "424242", "country": ""},
        "customer": {"email": "", "email_domain": "", "ip": ""},
    }
    assert index.found(facts, 1, True, now - timedelta(microseconds=1))
    assert not index.found(facts, 1, True, now)


def test_what_has_expired_makes_room_and_what_is_there_does_not(merchant: Merchant) -> None:
    row = create_list(
        merchant=merchant, livemode=True, key="mine", name="Mine", item_type="email", created_by="key"
    )
    with pytest.raises(InvalidRequest, match="expired before"):
        put(row, "a@example.com", expires_at=timezone.now())
    first = put(row, "a@example.com", expires_at=timezone.now() + timedelta(hours=1))
    with pytest.raises(OnTheList, match="by rita"):
        put(row, "A+b@EXAMPLE.com")
    with connection.cursor() as cursor, pytest.raises(Exception, match="risk_valuelistitem"):
        cursor.execute("UPDATE risk_valuelistitem SET expires_at = now() WHERE id = %s", [first.pk])


def test_two_people_who_add_the_same_are_told_and_it_is_there_once(merchant: Merchant) -> None:
    row = shipped_list("blocked_emails")
    start = threading.Barrier(8)

    def add(number: int) -> str:
        start.wait()
        try:
            return str(put(row, f"race+{number}@example.com").state)
        except OnTheList:
            return "told"
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as people:
        assert sorted(people.map(add, range(8))) == ["active"] + ["told"] * 7
    assert row.items.filter(match="race@example.com").count() == 1


def test_a_merchants_list_is_about_their_own_payments(merchant: Merchant) -> None:
    other = create_merchant("Another").merchant
    row = create_list(
        merchant=merchant,
        livemode=True,
        key="blocked_cards",
        name="x",
        item_type="card_fingerprint",
        created_by="k",
    )
    put(row, "own1")
    assert on(merchant, card_fingerprint="own1") == {"blocked_cards"}
    assert on(other, card_fingerprint="own1") == set()
    with pytest.raises(InvalidRequest, match="already"):
        create_list(
            merchant=merchant, livemode=True, key="blocked_cards", name="x", item_type="email", created_by="k"
        )


def test_a_list_that_a_rule_asks_for_stays(merchant: Merchant) -> None:
    with pytest.raises(InvalidRequest, match=r"'On a block list' asks for lists\.blocked_bins"):
        for livemode in (True, False):
            delete_list(shipped_list("blocked_bins", livemode=livemode).pk)
    row = create_list(
        merchant=merchant, livemode=True, key="free", name="Free", item_type="string", created_by="k"
    )
    put(row, "203.0.113.7")
    assert "free" in on(merchant)
    delete_list(row.pk)
    assert "free" not in on(merchant) and "free" not in list_keys()
    with pytest.raises(InvalidRequest, match="was deleted"):
        put(row, "x")


def test_a_dispute_fills_the_lists_once_and_takes_off_what_it_put_there_when_it_is_won(
    merchant: Merchant,
) -> None:
    def tell() -> None:
        list_disputed(
            merchant_id=merchant.pk,
            livemode=True,
            dispute="dp_1",
            fingerprint="stolen1",
            email="Victim@example.com",
            reason="ch_1 was disputed as fraud: dp_1.",
        )

    tell()
    tell()
    payment: dict[str, Any] = {"card_fingerprint": "stolen1", "email": "victim@example.com"}
    assert on(merchant, **payment) == {"disputed_cards", "disputed_emails"}
    assert on(create_merchant("Another").merchant, **payment) == set()
    for item in ValueListItem.objects.filter(source="dp_1", value_list__key="disputed_emails"):
        assert item.expires_at is not None and item.expires_at > timezone.now() + timedelta(days=179)
        remove_item(item.pk, by="rita", reason="It is the owner.")
    tell()
    assert on(merchant, **payment) == {"disputed_cards"}
    unlist_disputed(dispute="dp_1", reason="dp_1 was won.")
    assert on(merchant, **payment) == set()


def test_shipped_rules_are_live_in_both_modes_and_say_what_they_mean(books: Books) -> None:
    keys = {one.key for one in shipped.LISTS}
    for rule in shipped.RULES:
        check(rule.expression, lists=keys)
        versions = RuleVersion.objects.filter(rule__name=rule.name, rule__merchant=None)
        assert {(one.rule.livemode, one.state, one.expression) for one in versions} == {
            (True, "live", rule.expression),
            (False, "live", rule.expression),
        }
    assert keys <= list_keys()


def test_postgresql_keeps_entries_as_they_are_whoever_asks(merchant: Merchant, books: Books) -> None:
    item = put(shipped_list("blocked_cards"), "kept1")
    own = create_list(
        merchant=merchant, livemode=True, key="own", name="Own", item_type="string", created_by="k"
    )
    with books.superuser() as raw:

        def refused(kind: type[psycopg.Error], statement: str) -> None:
            with pytest.raises(kind):
                raw.execute(statement.encode(), {"item": item.pk, "own": own.pk})

        refused(RestrictViolation, "DELETE FROM risk_valuelistitem WHERE id = %(item)s")
        refused(RestrictViolation, "UPDATE risk_valuelistitem SET value = 'x' WHERE id = %(item)s")
        refused(CheckViolation, "UPDATE risk_valuelistitem SET state = 'removed' WHERE id = %(item)s")
        refused(RestrictViolation, "UPDATE risk_valuelist SET livemode = false WHERE id = %(own)s")
        # A merchant's list can not be about another's payments, nor about everybody's.
        refused(
            CheckViolation,
            "INSERT INTO risk_valuelistitem "
            "(public_id, value_list_id, livemode, value, match, reason, added_by, state) "
            "VALUES ('rsli_x', %(own)s, true, 'x', 'x', 'x', 'x', 'active')",
        )
