"""The parts of the OpenAPI document that no struct of the gateway says: how text is read as a number, what answers
have in common, and the two calls that the vault takes."""

from typing import Any

OBJECT = {"$ref": "#/components/schemas/Object"}
ERROR = {"$ref": "#/components/schemas/Error"}
JSON = "application/json"


def as_read(schema: Any) -> Any:
    """A schema as it is really read: forms hold text, so `"12"` is a number and `"true"` a flag, in JSON too."""
    if isinstance(schema, dict):
        schema = {name: part for name, part in schema.items() if name not in ("title", "default")}
    match schema:
        case {"type": "integer"}:
            return {"anyOf": [schema, {"type": "string", "pattern": "^-?[0-9]{1,18}$"}]}
        case {"type": "boolean"}:
            return {"anyOf": [schema, {"type": "string", "enum": ["true", "false"]}]}
        case dict():
            return {name: as_read(part) for name, part in schema.items()}
        case list():
            return [as_read(part) for part in schema]
        case _:
            return schema


def parameter(name: str, schema: dict[str, Any], *, required: bool) -> dict[str, Any]:
    """A field of a query. Lists are `name[]`; hashes `name[key]`, and where a number would do too, that."""
    plain = _plain(schema)
    if plain.get("type") == "array":
        return {"name": f"{name}[]", "in": "query", "schema": plain, "style": "form", "explode": True}
    return {"name": name, "in": "query", "required": required, "schema": plain}


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Without null and hashes, which a query has not, and without the difference of text and numbers."""
    choices = schema.get("anyOf")
    if choices is None:
        return schema
    left = [
        choice for choice in choices if choice.get("type") not in ("null", "object") and "$ref" not in choice
    ]
    flat: list[dict[str, Any]] = [part for choice in left for part in choice.get("anyOf", [choice])]
    return flat[0]


SCHEMAS: dict[str, Any] = {
    "Object": {
        "type": "object",
        "properties": {
            "object": {"type": "string"},
            "id": {"type": "string"},
            "livemode": {"type": "boolean"},
        },
        "required": ["object"],
    },
    "Error": {
        "type": "object",
        "properties": {
            "error": {
                "type": "object",
                "properties": {
                    "type": {
                        "enum": ["api_error", "card_error", "idempotency_error", "invalid_request_error"]
                    },
                    "message": {"type": "string", "minLength": 1},
                    "code": {"type": "string"},
                    "param": {"type": "string"},
                    "decline_code": {"type": "string"},
                },
                "required": ["type", "message"],
            }
        },
        "required": ["error"],
    },
    "Card": {
        "type": "object",
        "properties": {
            "number": {"type": "string"},
            "exp_month": {"type": "string"},
            "exp_year": {"type": "string"},
            "cvc": {"type": "string"},
            "name": {"type": "string"},
        },
        "required": ["number", "exp_month", "exp_year"],
    },
}
_HEADERS = {"Request-Id": {"schema": {"type": "string"}, "required": True}}


def _answer(words: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": words, "headers": _HEADERS, "content": {JSON: {"schema": schema}}}


RESPONSES: dict[str, Any] = {
    "200": _answer("The object, or a list of them.", OBJECT),
    "400": _answer("The request can't be carried out as it is.", ERROR),
    "401": _answer("No key, or none that is known.", ERROR),
    "402": _answer("The card was declined.", ERROR),
    "403": _answer("The key may not do this.", ERROR),
    "404": _answer("Nothing of yours has that id.", ERROR),
    "409": _answer("A request with the same Idempotency-Key still runs.", ERROR),
    "411": _answer("The body's length is not told.", ERROR),
    "413": _answer("The body is too large.", ERROR),
    "415": _answer("The body is neither a form nor JSON.", ERROR),
    "429": _answer("Too many requests.", ERROR),
    "503": _answer("Nothing was done; try again.", ERROR),
}

ANSWERS = {status: {"$ref": f"#/components/responses/{status}"} for status in RESPONSES}


def _card_call(name: str, fields: dict[str, Any], required: list[str]) -> dict[str, Any]:
    shape = {"type": "object", "properties": fields, "required": required}
    kinds = ("application/x-www-form-urlencoded", JSON)
    return {
        "post": {
            "operationId": f"post_{name}",
            "tags": [name],
            "description": "In test mode here, for known test cards; otherwise at the vault's own address.",
            "requestBody": {"required": True, "content": {kind: {"schema": shape} for kind in kinds}},
            "responses": ANSWERS,
        }
    }


_CARD = {"$ref": "#/components/schemas/Card"}
CARD_CALLS: dict[str, Any] = {
    "/v1/tokens": _card_call("tokens", {"card": _CARD}, ["card"]),
    "/v1/payment_methods": _card_call(
        "payment_methods", {"type": {"enum": ["card"]}, "card": _CARD}, ["type", "card"]
    ),
}
