"""Whatever anybody sends: a parser reads it or refuses it in its own words. Nothing else ever comes out of one."""

import io
import json
import time
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.credentials import key_in
from core.errors import InvalidRequest
from core.forms import MAX_DEPTH, parse_body, parse_form
from core.signing import sign, verify
from merchants.addresses import read_networks
from merchants.scopes import read_scopes
from processors import signatures
from processors.protocol import NotificationRefused
from reconciliation import formats
from reconciliation.formats.lines import FileRefused

SECRET = "s" * 32
NOW = 1_780_000_000
JSON = "application/json"
# What WSGI makes of a header's bytes.
headers = st.binary(max_size=200).map(lambda content: content.decode("latin-1"))
stamps = st.one_of(st.integers(-1, NOW).map(str), st.just("9" * 5_000), st.just("²"), headers)
signed = st.one_of(headers, st.builds("t={},v1={}".format, stamps, headers))
brackets = st.text(alphabet="ab01[]&=%\x00+é", max_size=60)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
names = texts.filter(lambda text: text and not set(text) & set("[]"))
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


def depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(depth, inner), default=0) if isinstance(value, dict | list) else 0


@given(brackets)
@example("a[" + "1" * 5_000 + "]=1")
@example("a[²]=1&a[1]=2")
def test_a_form_is_read_or_refused(text: str) -> None:
    try:
        read = parse_form(text)
    except InvalidRequest as error:
        assert error.message
    else:
        assert depth(read) <= MAX_DEPTH + 1 and "\x00" not in json.dumps(read).replace("\\u0000", "\x00")


@given(st.dictionaries(names, st.dictionaries(names, texts, min_size=1) | texts))
def test_what_an_sdk_writes_is_read_as_it_was_meant(meant: dict[str, Any]) -> None:
    pairs = [
        (f"{name}[{inner}]" if inner else name, text)
        for name, value in meant.items()
        for inner, text in (value.items() if isinstance(value, dict) else [("", value)])
    ]
    read = parse_form("&".join(f"{quote(name)}={quote(text)}" for name, text in pairs))
    assert {name: _unlisted(value) for name, value in read.items()} == {
        name: _unlisted(_listed(value)) for name, value in meant.items()
    }


def _listed(value: Any) -> Any:
    """A hash whose names are numbers is an array, in their order."""
    if isinstance(value, dict) and all(n.isascii() and n.isdigit() and len(n) <= 4 for n in value):
        return [value[name] for name in sorted(value, key=int)]
    return value


def _unlisted(value: Any) -> Any:
    return sorted(value) if isinstance(value, list) else value


@given(
    st.binary(max_size=200), st.sampled_from([JSON, "application/x-www-form-urlencoded", "text/plain", ""])
)
def test_a_body_is_read_or_refused(body: bytes, content_type: str) -> None:
    try:
        read = parse_body(content_type, body)
    except InvalidRequest as error:
        assert error.message
    else:
        assert isinstance(read, dict)


@given(st.dictionaries(texts, values))
def test_json_is_what_it_was_unless_it_is_too_deep(meant: dict[str, Any]) -> None:
    body = json.dumps(meant).encode()
    if depth(meant) > MAX_DEPTH + 1:
        with pytest.raises(InvalidRequest):
            parse_body(JSON, body)
    else:
        assert parse_body(JSON, body) == meant


@given(signed, st.binary(max_size=50))
@example(f"t={'9' * 5_000},v1=00", b"")
@example(f"t={int(time.time())},v1=\xe9", b"")
def test_a_forged_signature_of_ours_is_refused_and_nothing_else(header: str, body: bytes) -> None:
    assert verify(SECRET, header, "POST", "/v1/tokens", body) is False


def test_a_right_one_is_right() -> None:
    assert verify(SECRET, sign(SECRET, "POST", "/", b"x"), "POST", "/", b"x")


@given(signed, st.binary(max_size=50))
@example(f"t={NOW},v1=\xe9", b"")
def test_a_forged_notification_is_refused_and_nothing_else(header: str, body: bytes) -> None:
    with pytest.raises(NotificationRefused):
        signatures.verify(body, header, SECRET, now=NOW)


@given(headers)
def test_a_credential_is_a_text_or_none(header: str) -> None:
    assert isinstance(key_in(header), str)
    key_in(f"Basic {header}")


@given(st.lists(st.text(max_size=50), min_size=1))
def test_networks_and_permissions_are_read_or_refused(asked: list[str]) -> None:
    for reader in (read_networks, read_scopes):
        try:
            reader(asked)
        except InvalidRequest as error:
            assert error.message


HEAD = (
    b"settlement,1,2026-11-23\nnumber,type,reference,id,authorization,currency,gross,fee,net,status,created\n"
)
ROW = b"1,charge,op_1,auth_1,auth_1,usd,10000,150,9850,settled,2026-11-23T10:00:00Z\n"
WHOLE = {
    "sandbox": HEAD + ROW + b"total,usd,1,10000,150,9850\nend,1\n",
    "stripe": b"balance_transaction_id,created,currency,gross,fee,net,reporting_category\n"
    b"txn_1,2026-11-23 10:00:00,usd,100.00,1.50,98.50,charge\n",
    "camt.053": b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><Stmt>'
    b"<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy='USD'>0</Amt><CdtDbtInd>CRDT</CdtDbtInd>"
    b"<Dt><Dt>2026-11-23</Dt></Dt></Bal>"
    b"<Ntry><Amt Ccy='USD'>98.50</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>"
    b"<BookgDt><Dt>2026-11-23</Dt></BookgDt></Ntry>"
    b"<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy='USD'>98.50</Amt>"
    b"<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-11-23</Dt></Dt></Bal></Stmt></Document>",
}
rubbish = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(
        [b"\x00", b'"', b"9" * 5_000, b"\xff\xfe", "²".encode(), b"0001-01-01T00:00:00+23:59", b"<a>" * 9]
    ),
)


def read_all(format: str, content: bytes) -> int:
    return len(list(formats.read(format, io.BytesIO(content)).lines()))


@pytest.mark.parametrize("format", WHOLE)
def test_each_whole_report_has_a_line(format: str) -> None:
    assert read_all(format, WHOLE[format]) == 1


@pytest.mark.parametrize("format", WHOLE)
@given(data=st.data())
def test_a_spoiled_report_is_read_or_refused(format: str, data: st.DataObject) -> None:
    """A piece of a good one is replaced by something else: most get as far as the amounts and dates."""
    whole = WHOLE[format]
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 30)))
    try:
        read_all(format, whole[:start] + data.draw(rubbish) + whole[end:])
    except FileRefused as error:
        assert str(error)


@pytest.mark.parametrize("format", WHOLE)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 1_000,
        b"<a>" * 100_000,
        b"\xff" * 1_000,
        b'"' + b"x" * 200_000,
        b"," * 100_000,
        b"9" * 1_000_000,
    ],
    ids=["empty", "NULs", "deep", "no UTF-8", "an open quote", "wide", "a giant number"],
)
def test_what_is_no_report_is_refused(format: str, content: bytes) -> None:
    with pytest.raises(FileRefused):
        read_all(format, content)
