"""Parameters into typed structs: msgspec does the work, its complaints become the wire's errors."""

import functools
import re
from collections.abc import Collection
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from core.errors import InvalidRequest, ParameterMissing, ParameterUnknown

S = TypeVar("S", bound=msgspec.Struct)

# Stripe's limits on metadata.
MAX_METADATA_KEYS = 50
MAX_METADATA_KEY = 40
MAX_METADATA_VALUE = 500

_COMPLAINT = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)


class Params(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The base of every endpoint's input."""

    expand: list[str] = []


def read(shape: type[S], data: dict[str, Any]) -> S:
    """The parameters as the endpoint's struct. An InvalidRequest names the parameter and the value.

    `""` unsets text, hashes and arrays; an empty number or flag is refused, since leaving one out may mean "all".
    """
    unset = _unset_by_empty_text(shape)
    given = {name: None if value == "" and name in unset else value for name, value in data.items()}
    try:
        asked = msgspec.convert(given, shape, strict=False)
    except msgspec.ValidationError as error:
        raise _explain(str(error), data) from error
    _refuse_null(given, asked, [])
    return asked


def _refuse_null(given: dict[str, Any], asked: msgspec.Struct, steps: list[str]) -> None:
    """The word `null` is no number and no flag: msgspec takes it for one that was left out, which may mean "all"."""
    for name, value in given.items():
        read = getattr(asked, name)
        if read is None and value is not None:
            param = _name([*steps, name])
            raise InvalidRequest(f"Invalid {param}: {value}", param=param)
        if isinstance(read, msgspec.Struct) and isinstance(value, dict):
            _refuse_null(value, read, [*steps, name])


@functools.cache
def _unset_by_empty_text(shape: type[msgspec.Struct]) -> frozenset[str]:
    """The names of the fields that hold text, a hash or an array."""
    hints = get_type_hints(shape)
    return frozenset(
        name
        for name, hint in hints.items()
        if {get_origin(part) or part for part in get_args(hint) or (hint,)} & {str, dict, list, Literal}
    )


def check_metadata(metadata: dict[str, str] | None) -> dict[str, str]:
    """The metadata to store; keys set to "" are left out. InvalidRequest beyond 50 keys, 40 or 500 characters."""
    if not metadata:
        return {}
    kept = {key: value for key, value in metadata.items() if value != ""}
    if len(kept) > MAX_METADATA_KEYS:
        raise InvalidRequest(
            f"Metadata can have at most {MAX_METADATA_KEYS} keys; {len(kept)} were given.", param="metadata"
        )
    for key, value in kept.items():
        if len(key) > MAX_METADATA_KEY:
            raise InvalidRequest(
                f"Metadata keys can have at most {MAX_METADATA_KEY} characters: {key[:60]}", param="metadata"
            )
        if len(value) > MAX_METADATA_VALUE:
            raise InvalidRequest(
                f"Metadata values can have at most {MAX_METADATA_VALUE} characters; "
                f"metadata[{key}] has {len(value)}.",
                param=f"metadata[{key}]",
            )
    return kept


def limited(param: str, value: str | None, length: int) -> str:
    """The text, "" for none. InvalidRequest when it is longer than it can be kept."""
    if value is not None and len(value) > length:
        raise InvalidRequest(f"Invalid {param}: at most {length} characters; got {len(value)}.", param=param)
    return value or ""


def one_of(param: str, value: str | None, allowed: Collection[str]) -> str:
    """The text, "" for none. InvalidRequest when it is none of the words allowed."""
    if value is not None and value not in allowed:
        words = ", ".join(sorted(allowed))
        raise InvalidRequest(f"Invalid {param}: must be one of {words}; got {value[:100]}.", param=param)
    return value or ""


def _explain(complaint: str, data: dict[str, Any]) -> InvalidRequest:
    match = _COMPLAINT.match(complaint)
    assert match is not None
    what, steps = match["what"], _steps(match["path"] or "$")
    if found := re.search(r"missing required field `([^`]*)`", what):
        return ParameterMissing(_name([*steps, found[1]]))
    if found := re.search(r"unknown field `([^`]*)`", what):
        return ParameterUnknown(_name([*steps, found[1]]))
    param, value = _name(steps), _value(steps, data)
    if value == "":
        return InvalidRequest(
            f"You passed an empty string for '{param}'. Leave it out or give it a value.",
            param=param,
            code="parameter_invalid_empty",
        )
    if "Expected `int" in what:
        return InvalidRequest(f"Invalid integer: {value}", param=param, code="parameter_invalid_integer")
    if "Expected `bool" in what:
        return InvalidRequest(f"Invalid boolean: {value}", param=param)
    if "Expected `object" in what:
        return InvalidRequest(f"Invalid hash: {param} must be a set of key-value pairs.", param=param)
    if "Expected `array" in what:
        return InvalidRequest(f"Invalid array: {value}", param=param)
    if "Expected `str" in what:
        return InvalidRequest(f"Invalid string: {value}", param=param)
    return InvalidRequest(f"Invalid {param}: {value} ({what})", param=param)


def _steps(path: str) -> list[str]:
    """`$.card.number` and `$.list[0]` into their steps; msgspec writes `[...]` where it doesn't know the key."""
    return [step for step in re.split(r"[.\[\]]+", path.removeprefix("$")) if step]


def _name(steps: list[str]) -> str:
    return steps[0] + "".join(f"[{step}]" for step in steps[1:]) if steps else ""


def _value(steps: list[str], data: Any) -> Any:
    for step in steps:
        if isinstance(data, dict) and step in data:
            data = data[step]
        elif isinstance(data, list) and step.isdigit() and int(step) < len(data):
            data = data[int(step)]
        else:
            break
    return data if not isinstance(data, str) else data[:100]
