"""Schemas of request bodies in /openapi.json: named, without defaults, and as strict as the endpoints.

An endpoint that validates its body itself declares it as
``Annotated[Any, Body(json_schema_extra=body_schema(Model))]``; the document then refers to the schema by name,
so that code generators make it a type.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel, BeforeValidator, WithJsonSchema
from pydantic.json_schema import models_json_schema

TEMPLATE: Final = "#/components/schemas/{model}"
MARK: Final = "x-body"
EMAIL_PATTERN: Final = r'^\s*[^@\s<>"\u0000-\u001f\u007f]+@[^@\s<>"\u0000-\u001f\u007f]+\s*$'

NOT_BLANK: Final[dict[str, Any]] = {"minLength": 1, "pattern": r"\S"}

Email = WithJsonSchema({"type": "string", "minLength": 3, "maxLength": 255, "pattern": EMAIL_PATTERN})
Password = WithJsonSchema({"type": "string", "minLength": 8, "maxLength": 1024})
"""Schema of a text that the endpoint validates with its own error message."""


def _whole(value: object) -> object:
    """Return an integral float as the integer that it is in JSON Schema. Raises ValueError for a text or boolean."""
    if isinstance(value, bool | str):
        raise ValueError("has to be a whole number")
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE: Final = BeforeValidator(_whole)
"""Validator that makes an ``int`` accept exactly JSON's whole numbers; to be placed after its limits."""


def needs_one(**alternatives: dict[str, Any]) -> dict[str, Any]:
    """Return ``json_schema_extra`` of a body that needs at least one of these keys with a value of its schema.

    Expressed with ``not``, because code generators make several types of an ``anyOf``.
    """
    return {"not": {"properties": {name: {"not": schema} for name, schema in alternatives.items()}}}


_NAMED: dict[str, type[BaseModel]] = {}


def body_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return ``json_schema_extra`` of a body that the endpoint validates itself."""
    _NAMED[model.__name__] = model
    return {MARK: model.__name__}


def body_of(model: type[BaseModel], *kinds: str) -> dict[str, Any]:
    """Return ``openapi_extra`` of an endpoint that reads the body itself, as JSON or as one of ``kinds``."""
    schema = {"schema": body_schema(model)}
    return {"requestBody": {"required": True, "content": dict.fromkeys(kinds or ("application/json",), schema)}}


def name_bodies(document: dict[str, Any]) -> None:
    """Add the schemas of named bodies, and remove the defaults of all request schemas.

    Code generators make a key with a default required, which it is not in a request.
    """
    schemas = document["components"]["schemas"]
    _, made = models_json_schema([(model, "validation") for model in _NAMED.values()], ref_template=TEMPLATE)
    for name, schema in made.get("$defs", {}).items():
        schemas.setdefault(name, schema)
    pending: list[Any] = []
    for operation in (operation for methods in document["paths"].values() for operation in methods.values()):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            if (name := content["schema"].get(MARK)) is not None:
                content["schema"] = {"$ref": TEMPLATE.format(model=name)}
            pending.append(content["schema"])
    seen: set[str] = set()
    while pending:
        schema = pending.pop()
        _drop_defaults(schema)
        for name in _names(schema):
            if name not in seen:
                seen.add(name)
                pending.append(schemas[name])


def _drop_defaults(schema: Any) -> None:
    if isinstance(schema, list):
        for item in schema:
            _drop_defaults(item)
    elif isinstance(schema, dict):
        for key, value in schema.items():
            if key == "properties":
                for property_schema in value.values():
                    property_schema.pop("default", None)
            _drop_defaults(value)


def _names(value: Any) -> Iterator[str]:
    """Yield the names of the schemas that ``value`` refers to."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"].rpartition("/")[2]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _names(item)
