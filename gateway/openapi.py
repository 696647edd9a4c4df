"""The API as an OpenAPI document, drawn from what serves it: addresses from the URLconf, parameters from the struct
that a view reads. What is not read there can not be in here."""

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import msgspec
from django.urls import URLPattern, URLResolver, get_resolver

from core.params import Params
from gateway.openapi_schemas import ANSWERS, CARD_CALLS, RESPONSES, SCHEMAS, as_read, parameter
from merchants.answers import API_VERSION
from merchants.api import MerchantView

API = "/v1/"
NAMED = re.compile(r"<str:(\w+)>")
REFERENCE = "#/components/schemas/{name}"
KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "description": "Makes a repeated request harmless. What moves money needs one.",
}


def document() -> dict[str, Any]:
    """The whole document."""
    routes = list(_routes(get_resolver().url_patterns, "/"))
    shapes = {shape for _, view in routes for _, shape in _methods(view)}
    ordered = sorted(shapes, key=lambda shape: (shape.__module__, shape.__name__))
    drawn, components = msgspec.json.schema_components(ordered, ref_template=REFERENCE)
    by_shape = dict(zip(ordered, drawn, strict=True))
    schemas = {name: as_read(schema) for name, schema in components.items()}
    paths: dict[str, Any] = dict(CARD_CALLS)
    for address, view in routes:
        operations = {
            method: _operation(address, method, view, by_shape[shape], schemas)
            for method, shape in _methods(view)
        }
        paths[NAMED.sub(r"{\1}", address)] = paths.get(address, {}) | operations
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tollgate", "version": API_VERSION, "description": "Stripe's wire format."},
        "servers": [{"url": "http://127.0.0.1:8000"}],
        "security": [{"key": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "An API key."}},
            "responses": RESPONSES,
            "schemas": dict(sorted((schemas | SCHEMAS).items())),
        },
    }


def _routes(patterns: Any, before: str) -> Iterator[tuple[str, type[MerchantView]]]:
    for pattern in patterns:
        here = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, here)
        elif isinstance(pattern, URLPattern) and here.startswith(API):
            yield here, pattern.callback.cls  # type: ignore[attr-defined]  # as_view puts it there


def _methods(view: type[MerchantView]) -> Iterator[tuple[str, type[Params]]]:
    for method in ("get", "post", "delete"):
        if hasattr(view, method):
            yield method, _shape(view, method)


def _shape(view: type[MerchantView], method: str) -> type[Params]:
    """What `self.read(request, …)` names in the handler; Params where it reads none."""
    handler = getattr(view, method)
    source = ast.parse(textwrap.dedent(inspect.getsource(handler)))
    names = vars(sys.modules[handler.__module__])
    for call in (node for node in ast.walk(source) if isinstance(node, ast.Call)):
        match call:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="self"), attr="read"), args=[_, ast.Name(id=shape)]
            ):
                found: type[Params] = names[shape]
                return found
    return Params


def _operation(
    address: str, method: str, view: type[MerchantView], shape: dict[str, Any], schemas: dict[str, Any]
) -> dict[str, Any]:
    # What a path of one step can hold.
    named = {"type": "string", "minLength": 1, "pattern": "^[A-Za-z0-9_]+$"}
    given: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": named} for name in NAMED.findall(address)
    ]
    described = {
        "operationId": f"{method} {NAMED.sub('id', address).removeprefix(API)}".replace("/", " ").replace(
            " ", "_"
        ),
        "tags": [view.resource],
        "responses": ANSWERS,
    }
    if method != "post":
        fields = _fields(shape, schemas)
        required = fields.get("required", [])
        asked = [
            parameter(name, schema, required=name in required)
            for name, schema in fields["properties"].items()
        ]
        return described | {"parameters": given + asked}
    kinds = ("application/x-www-form-urlencoded", "application/json")
    needed = bool(_fields(shape, schemas).get("required"))
    return described | {
        "parameters": [*given, KEY],
        "requestBody": {"required": needed, "content": {kind: {"schema": shape} for kind in kinds}},
    }


def _fields(shape: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = schemas[shape["$ref"].rpartition("/")[2]]
    return found
