"""Searches: the language is read as Stripe reads it, finds those rows and no others, and is answered in pages."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from django.db.models import Q, QuerySet
from hypothesis import example, given
from hypothesis import strategies as st

from core.errors import InvalidRequest
from core.params import read
from core.search import (
    Choice,
    Lookup,
    Metadata,
    Number,
    SearchParams,
    Text,
    Timestamp,
    parse,
    search_page,
    to_q,
)
from core.search_query import MAX_CLAUSES, Clause, Query
from merchants.models import Merchant
from tests.conftest import Books
from webhooks.models import Event

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
AT_NOON = int(NOON.timestamp())
FIELDS: dict[str, Lookup] = {
    "description": Text("object_id"),
    "id": Text("public_id", folds=False),
    "amount": Number("merchant__settlement_days"),
    "created": Timestamp("created_at"),
    "status": Choice({"succeeded": Q(type__in=["captured", "authorized"]), "failed": Q(type="failed")}),
    "metadata": Metadata("data"),
}


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("status:'active'", Clause("status", ":", "active")),
        ('status:"active"', Clause("status", ":", "active")),
        ("  status : 'active'  ", Clause("status", ":", "active", at=3)),
        ("-currency:'jpy'", Clause("currency", ":", "jpy", negated=True)),
        ("email~'amy'", Clause("email", "~", "amy")),
        ("amount>=1000", Clause("amount", ">=", "1000")),
        ("amount<-5", Clause("amount", "<", "-5")),
        ("amount>'1000'", Clause("amount", ">", "1000")),
        ("payment_method_details.card.last4:4242", Clause("payment_method_details.card.last4", ":", "4242")),
        ("url:null", Clause("url", ":", None)),
        ("url: NULL", Clause("url", ":", None)),
        ("url:'null'", Clause("url", ":", "null")),
        ("metadata['key']:'value'", Clause("metadata", ":", "value", key="key")),
        ('-metadata["a b"]:null', Clause("metadata", ":", None, key="a b", negated=True)),
        (r"""metadata['it\'s']:"a \"b\" \\" """, Clause("metadata", ":", r'a "b" \\'[:-1], key="it's")),
        ("""name:'say "yes"'""", Clause("name", ":", 'say "yes"')),
        ("name:'a AND b'", Clause("name", ":", "a AND b")),
        ("order:'1'", Clause("order", ":", "1")),
        ("or:'1'", Clause("or", ":", "1")),
    ],
)
def test_a_clause_is_a_field_an_operator_and_a_value(text: str, clause: Clause) -> None:
    assert parse(text) == Query((clause,))


@pytest.mark.parametrize("joined", ["a:'1' AND b:'2'", "a:'1' and b:'2'", "a:'1' b:'2'", "a:'1'\n b:'2'"])
def test_clauses_must_all_hold_unless_or_stands_between_them(joined: str) -> None:
    query = parse(joined)
    assert [(clause.field, clause.value) for clause in query.clauses] == [("a", "1"), ("b", "2")]
    assert not query.alternatives
    assert parse("a:'1' OR b:'2' or c>3").alternatives


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("status", "at its end: one of : ~ > < >= <= was expected after status"),
        ("status:", "at its end: a value was expected"),
        ("status:active", "at character 8, before 'active': a number, null, or text in quotes"),
        ("status='x'", """at character 7, before "='x'": one of : ~"""),
        ("status:'active", 'at character 8, before "\'active": the quote is never closed'),
        ("status:'a\\'", "the quote is never closed"),
        ("a:'1'b:'2'", "at character 6, before \"b:'2'\": a space was expected"),
        ("a:'1' AND", "at its end: a clause is missing after AND"),
        ("a:'1' AND OR b:'2'", "one of : ~ > < >= <= was expected after OR"),
        ("a:'1' AND b:'2' OR c:'3'", "at character 17, before \"OR c:'3'\": AND and OR can't be mixed"),
        ("a:'1' b:'2' OR c:'3'", "AND and OR can't be mixed"),
        ("(a:'1')", "parentheses are not supported"),
        ("a:'1' AND (b:'2')", "parentheses are not supported"),
        ("- a:'1'", "the name of a field was expected"),
        ("--a:'1'", "the name of a field was expected"),
        (":'1'", "the name of a field was expected"),
        ("metadata[key]:'1'", "a key in quotes and brackets was expected"),
        ("metadata['key':'1'", "a key in quotes and brackets was expected"),
        ("amount>1x", "a number, null, or text in quotes was expected"),
        ("amount>٣", "a number, null, or text in quotes was expected"),
        ("a:nullish", "a number, null, or text in quotes was expected"),
        (" ".join(["a:'1'"] * (MAX_CLAUSES + 1)), "at most 10 clauses"),
        ("a:'" + "x" * 10_000 + "'", "longer than 10000 characters"),
    ],
)
def test_what_can_not_be_read_is_refused_with_its_place(text: str, words: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        parse(text)
    assert raised.value.param == "query"
    assert words in raised.value.message


@given(st.text(max_size=200))
@example("a:'1'" + " " * 50 + "x")
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse(text)
    except InvalidRequest as error:
        assert error.param == "query"


@given(key=st.text(max_size=40), value=st.text(max_size=100), quote=st.sampled_from("'\""))
def test_any_value_can_be_written_in_quotes(key: str, value: str, quote: str) -> None:
    def quoted(text: str) -> str:
        return quote + text.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote

    (clause,) = parse(f"-metadata[{quoted(key)}]:{quoted(value)} ").clauses
    assert (clause.key, clause.value, clause.negated) == (key, value, True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "colour:'red'",
            "At character 1 of the query: colour is no field to search by. There are amount, created",
        ),
        ("amount>1 AND metadata:'x'", "At character 14 of the query: metadata needs a key: metadata['key']"),
        ("status['x']:'y'", "status['x'] has no keys"),
        ("amount:'abc'", "amount is a whole number; got 'abc'"),
        ("amount>10.5", "amount is a whole number; got '10.5'"),
        ("amount:9999999999999999999", "amount is a whole number; got"),
        ("amount>null", "amount is a number and can't be asked for with >"),
        ("amount~'123'", "amount is a number and can't be asked for with ~"),
        ("created>-1", "created is a Unix timestamp in seconds; got -1"),
        ("created:999999999999999", "created is a Unix timestamp in seconds"),
        ("created~'2026'", "created is a number"),
        ("description~'ab'", "description needs at least 3 characters after ~"),
        ("description~null", "description needs at least 3 characters after ~"),
        ("description>'abc'", "description is text and can't be compared with >"),
        ("metadata['k']>5", "metadata['k'] is text and can't be compared with >"),
        ("metadata['k']~'ab'", "needs at least 3 characters"),
        ("status:'done'", "status is one of failed, succeeded; got 'done'"),
        ("status~'succ'", "status is one of failed, succeeded, asked for with :"),
        ("status:null", "status is one of failed, succeeded, asked for with :"),
    ],
)
def test_what_a_field_can_not_be_asked_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        to_q(parse(text), FIELDS)
    assert raised.value.param == "query"
    assert words in raised.value.message


@pytest.fixture(scope="module")
def rows(books: Books) -> QuerySet[Event]:
    """Four payments of a shop, `one` to `four`, a second apart."""
    kinds = [
        ("one", "captured", 500, "Blue tent 100%", {"order": "A-1", "7": "seven"}),
        ("two", "failed", 1_000, "Red tent", {"order": "a-2"}),
        ("three", "authorized", 1_500, "", {"note": 'it\'s "so"'}),
        ("four", "failed", 2_000, "A stove", {}),
    ]
    for place, (name, kind, amount, description, metadata) in enumerate(kinds):
        Event.objects.create(
            public_id=f"evt_search_{name}",
            merchant=Merchant.objects.create(name="A shop", settlement_days=amount),
            livemode=True,
            type=kind,
            object_id=description,
            data=metadata,
            created_at=NOON + timedelta(seconds=place, milliseconds=300),
        )
    return Event.objects.filter(public_id__startswith="evt_search_")


def found(rows: QuerySet[Event], text: str) -> list[str]:
    names = rows.filter(to_q(parse(text), FIELDS)).order_by("pk").values_list("public_id", flat=True)
    return [name.rpartition("_")[2] for name in names]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("status:'succeeded'", "one three"),
        ("-status:'Succeeded'", "two four"),
        ("description:'RED TENT'", "two"),
        ("description:'tent'", ""),
        ("description~'TENT'", "one two"),
        ("description~'00%'", "one"),
        ("description~'%%%'", ""),
        ("description~'___'", ""),
        ("-description~'tent'", "three four"),
        ("description:null", "three"),
        ("-description:null", "one two four"),
        ("id:'evt_search_one'", "one"),
        ("id:'EVT_search_one'", ""),
        ("amount:1000", "two"),
        ("amount>1000", "three four"),
        ("amount>=1000", "two three four"),
        ("amount<1000", "one"),
        ("amount<='1000'", "one two"),
        ("-amount<=1000", "three four"),
        ("amount>500 amount<2000", "two three"),
        ("amount:null", ""),
        (f"created:{AT_NOON + 1}", "two"),
        (f"-created:{AT_NOON + 1}", "one three four"),
        (f"created>{AT_NOON + 1}", "three four"),
        (f"created>={AT_NOON + 1}", "two three four"),
        (f"created<{AT_NOON + 1}", "one"),
        (f"created<={AT_NOON + 1}", "one two"),
        ("created:null", ""),
        ("metadata['order']:'A-1'", "one"),
        ("metadata['order']:'A-2'", "two"),
        ("-metadata['order']:'A-1'", "two three four"),
        ("metadata['order']~'A-2'", "two"),
        ("metadata['order']:null", "three four"),
        ("-metadata['order']:null", "one two"),
        ("metadata['7']:'seven'", "one"),
        (r"metadata['note']:'it\'s \"so\"'", "three"),
        ("metadata['x\\'; DROP TABLE webhooks_event; --']:'1'", ""),
        ("status:'failed' AND description~'tent'", "two"),
        ("status:'failed' OR description~'tent'", "one two four"),
        ("amount:500 OR -metadata['note']:null OR id:'evt_search_four'", "one three four"),
    ],
)
def test_a_query_finds_what_it_says(rows: QuerySet[Event], text: str, names: str) -> None:
    assert found(rows, text) == names.split()


def page(rows: QuerySet[Event], **asked: Any) -> dict[str, Any]:
    params = read(SearchParams, {"query": "status:'failed'", **asked})
    narrowed = rows.filter(to_q(parse(params.query), FIELDS))
    return search_page(
        narrowed, params, url="/v1/things/search", render=lambda events: [{"id": e.public_id} for e in events]
    )


def ids(answer: dict[str, Any]) -> list[str]:
    return [thing["id"].rpartition("_")[2] for thing in answer["data"]]


def test_pages_come_newest_first_and_end(rows: QuerySet[Event]) -> None:
    first = page(rows, limit="1")
    assert (first["object"], first["url"], ids(first)) == ("search_result", "/v1/things/search", ["four"])
    assert first["has_more"] and first["next_page"]
    last = page(rows, limit="1", page=first["next_page"])
    assert (ids(last), last["has_more"], last["next_page"]) == (["two"], False, None)
    assert "total_count" not in first
    assert msgspec.json.encode(first)


def test_a_page_goes_on_after_a_row_that_is_not_found_any_more(rows: QuerySet[Event]) -> None:
    first = page(rows, limit="1")
    assert ids(page(rows.exclude(public_id="evt_search_four"), page=first["next_page"])) == ["two"]


def test_the_total_is_counted_where_it_is_asked_for(rows: QuerySet[Event]) -> None:
    first = page(rows, limit="1", expand=["total_count"])
    assert (len(first["data"]), first["total_count"]) == (1, 2)
    assert page(rows, limit="1", page=first["next_page"], expand=["total_count"])["total_count"] == 2


def test_a_cursor_tells_no_internal_number_and_serves_its_own_query_only(rows: QuerySet[Event]) -> None:
    cursor = page(rows, limit="1")["next_page"]
    for bad in ("", "1", cursor[:-1], cursor[1:], "x" * 5_000, "£:£", "a:b:c"):
        with pytest.raises(InvalidRequest) as raised:
            page(rows, page=bad) if bad else search_page(
                rows, SearchParams(query="status:'failed'", page=""), url="", render=lambda _: []
            )
        assert raised.value.param == "page"
    with pytest.raises(InvalidRequest, match="same query"):
        page(rows, query="status:'succeeded'", page=cursor)


@pytest.mark.parametrize("limit", ["0", "101", "x"])
def test_a_page_holds_one_to_a_hundred(limit: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        read(SearchParams, {"query": "a:'1'", "limit": limit})
    assert raised.value.param == "limit"


def test_a_search_needs_a_query() -> None:
    with pytest.raises(InvalidRequest, match="Missing required param: query"):
        read(SearchParams, {})
