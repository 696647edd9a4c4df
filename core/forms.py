"""Request bodies and queries into nested Python data: bracketed forms as Stripe's SDKs send them, or JSON."""

import re
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from core.errors import InvalidRequest

# Deeper or longer than anything the API knows; a limit on everything.
MAX_FIELDS = 1_000
MAX_DEPTH = 8
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

_PART = re.compile(r"\[([^\[\]]*)\]")


class UnsupportedMediaType(InvalidRequest):
    status = 415

    def __init__(self, content_type: str) -> None:
        super().__init__(
            f"The request's body is of the type '{content_type[:100]}'. Send a form ({FORM}) or JSON ({JSON}), "
            "in UTF-8."
        )


def parse_body(content_type: str, body: bytes) -> dict[str, Any]:
    """The parameters of a POST. InvalidRequest for text that is not UTF-8, not JSON, or not an object;
    UnsupportedMediaType for anything but forms and JSON."""
    if not body:
        return {}
    kind, _, more = content_type.partition(";")
    charset = more.lower().partition("charset=")[2].strip().strip('"')
    if kind.strip().lower() not in (FORM, JSON) or charset not in ("", "utf-8", "utf8"):
        raise UnsupportedMediaType(content_type)
    if kind.strip().lower() == JSON:
        return _parse_json(body)
    try:
        return parse_form(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InvalidRequest("The request's body is not valid UTF-8.") from error


def parse_form(text: str) -> dict[str, Any]:
    """`a[b]=1&c[0]=x&c[]=y` as {"a": {"b": "1"}, "c": ["x", "y"]}. Values stay text."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except UnicodeDecodeError as error:
        raise InvalidRequest("The request's parameters are not valid UTF-8.") from error
    except ValueError as error:
        raise InvalidRequest(f"A request may carry at most {MAX_FIELDS} parameters.") from error
    result: dict[str, Any] = {}
    nested = False
    for name, value in pairs:
        if "\x00" in name or "\x00" in value:
            raise InvalidRequest("A parameter holds a NUL character.", param=name.replace("\x00", ""))
        if "[" in name:
            nested = True
            _put(result, name, value)
        else:
            result[name] = value
    return {key: _lists(value) for key, value in result.items()} if nested else result


def _parse_json(body: bytes) -> dict[str, Any]:
    try:
        data = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"The request's body is not valid JSON: {error}") from error
    if not isinstance(data, dict):
        raise InvalidRequest("The request's body must be a JSON object.")
    if b"\\u0000" in body:
        raise InvalidRequest("A parameter holds a NUL character.")
    _check_depth(data, MAX_DEPTH)
    return data


def _check_depth(value: Any, left: int) -> None:
    if left < 0:
        raise InvalidRequest(f"The request's body is nested more than {MAX_DEPTH} deep.")
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            _check_depth(item, left - 1)


def _put(target: dict[str, Any], name: str, value: str) -> None:
    head, _, tail = name.partition("[")
    path = _PART.findall("[" + tail)
    if not head or len(path) > MAX_DEPTH or "".join(f"[{part}]" for part in path) != "[" + tail:
        raise InvalidRequest(f"Invalid parameter name: {name}", param=name)
    place: dict[str, Any] = target
    key = head
    for part in path:
        child = place.setdefault(key, {})
        if not isinstance(child, dict):
            raise InvalidRequest(f"{name} is both a value and a hash.", param=head)
        place, key = child, part or f"\x00{len(child)}"
    if isinstance(place.get(key), dict):
        raise InvalidRequest(f"{name} is both a value and a hash.", param=head)
    place[key] = value


def _lists(value: Any) -> Any:
    """A hash whose keys are 0, 1, 2 … or all `[]` was an array."""
    if not isinstance(value, dict):
        return value
    if value and all(key.startswith("\x00") for key in value):
        return [_lists(item) for item in value.values()]
    if any(key.startswith("\x00") for key in value):
        raise InvalidRequest("An array mixes [] with named keys.")
    if value and all(key.isascii() and key.isdigit() and len(key) <= 4 for key in value):
        return [_lists(value[key]) for key in sorted(value, key=int)]
    return {key: _lists(item) for key, item in value.items()}
