"""Request bodies in the document at /openapi.json: named, without defaults, and as strict as the endpoints are.

An endpoint that judges its body itself takes it as ``Annotated[Any, Body(json_schema_extra=body_schema(Model))]``; the
document then refers to the model's schema by its name, so that generators make a type of it.
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
"""What is said of a text that the endpoint refuses in its own words."""


def _whole(value: object) -> object:
    """Return an integral float as the integer that JSON Schema takes it for; a text or a boolean is none."""
    if isinstance(value, bool | str):
        raise ValueError("has to be a whole number")
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE: Final = BeforeValidator(_whole)
"""Makes an ``int`` a whole number of JSON, and nothing that only looks like one; stands after its limits."""


def needs_one(**alternatives: dict[str, Any]) -> dict[str, Any]:
    """Return ``json_schema_extra`` of a body of which one key at least has to be there, and be like its schema.

    Said by ``not`` because generators take an ``anyOf`` for several types.
    """
    return {"not": {"properties": {name: {"not": schema} for name, schema in alternatives.items()}}}


_NAMED: dict[str, type[BaseModel]] = {}


def body_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return ``json_schema_extra`` of a body that the endpoint judges itself."""
    _NAMED[model.__name__] = model
    return {MARK: model.__name__}


def body_of(model: type[BaseModel], *kinds: str) -> dict[str, Any]:
    """Return ``openapi_extra`` of an endpoint that reads the body itself, as JSON or as one of ``kinds``."""
    schema = {"schema": body_schema(model)}
    return {"requestBody": {"required": True, "content": dict.fromkeys(kinds or ("application/json",), schema)}}


def name_bodies(document: dict[str, Any]) -> None:
    """Add the schemas of named bodies, and take the defaults out of everything that a request holds.

    A generator makes a key with a default a required one, which it is not in a request.
    """
    schemas = document["components"]["schemas"]
    _, made = models_json_schema([(model, "validation") for model in _NAMED.values()], ref_template=TEMPLATE)
    for name, schema in made.get("$defs", {}).items():
        schemas.setdefault(name, schema)
    wanted: list[Any] = []
    for operation in (one for methods in document["paths"].values() for one in methods.values()):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            if (name := content["schema"].get(MARK)) is not None:
                content["schema"] = {"$ref": TEMPLATE.format(model=name)}
            wanted.append(content["schema"])
    seen: set[str] = set()
    while wanted:
        schema = wanted.pop()
        _drop_defaults(schema)
        for name in _names(schema):
            if name not in seen:
                seen.add(name)
                wanted.append(schemas[name])


def _drop_defaults(schema: Any) -> None:
    if isinstance(schema, list):
        for one in schema:
            _drop_defaults(one)
    elif isinstance(schema, dict):
        for key, value in schema.items():
            if key == "properties":
                for one in value.values():
                    one.pop("default", None)
            _drop_defaults(value)


def _names(value: Any) -> Iterator[str]:
    """Yield the names of the schemas that ``value`` refers to."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"].rpartition("/")[2]
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _names(one)
