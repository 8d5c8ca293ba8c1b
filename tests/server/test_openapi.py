"""The document at /openapi.json."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from accounts import Person

REFUSAL = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
OPEN = {("/healthz", "get"), ("/readyz", "get")}


@pytest.fixture
def document(http: httpx.Client) -> dict[str, Any]:
    answer = http.get("/openapi.json")
    assert answer.status_code == 200
    return dict(answer.json())


def operations(document: dict[str, Any]) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield (path, method), operation


def test_the_specified_endpoints_are_all_there(document: dict[str, Any]) -> None:
    there = {place for place, _ in operations(document)}
    assert there >= OPEN | {
        ("/api/chat/sessions", "get"),
        ("/api/chat/sessions", "post"),
        ("/api/chat/sessions", "patch"),
        ("/api/chat/sessions", "delete"),
        ("/api/chat/session", "get"),
        ("/api/chat/session", "post"),
        ("/api/chat/sync", "get"),
        ("/api/chat/sync", "post"),
        ("/api/chat/messages", "get"),
        ("/api/chat/messages", "post"),
        ("/api/chat/clear-all", "delete"),
        ("/api/chat/search", "get"),
        ("/api/chat", "post"),
        ("/api/chat/stream", "post"),
        ("/api/models", "get"),
        ("/api/user/data", "get"),
        ("/api/user/data", "put"),
        ("/auth/v1/signup", "post"),
        ("/auth/v1/token", "post"),
        ("/auth/v1/user", "get"),
        ("/auth/v1/logout", "post"),
    }


def test_every_refusal_has_one_body(document: dict[str, Any]) -> None:
    for place, operation in operations(document):
        if place[0].startswith(("/auth/", "/rest/")):
            continue  # shaped as the clients of GoTrue and of PostgREST expect
        for status, answer in operation["responses"].items():
            if status >= "400":
                assert answer["content"] == REFUSAL, (place, status)
    assert document["components"]["schemas"]["Refusal"]["required"] == ["error", "message", "code", "timestamp"]


def test_every_answer_has_a_schema(document: dict[str, Any]) -> None:
    for place, operation in operations(document):
        for status, answer in operation["responses"].items():
            for kind, content in answer.get("content", {}).items():
                assert content.get("schema") or kind == "text/event-stream", (place, status)


def test_what_fastapi_would_answer_and_this_server_does_not_is_not_mentioned(document: dict[str, Any]) -> None:
    assert not {"HTTPValidationError", "ValidationError"} & set(document["components"]["schemas"])


def test_every_operation_is_described_under_a_tag_that_is(document: dict[str, Any]) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    for place, operation in operations(document):
        assert operation["description"], place
        assert set(operation["tags"]) <= tags, place


def test_it_says_how_to_sign_in_and_where_one_must(document: dict[str, Any], http: httpx.Client) -> None:
    assert {scheme["type"] for scheme in document["components"]["securitySchemes"].values()} == {
        "http",
        "apiKey",
    }
    for (path, method), operation in operations(document):
        security = operation.get("security", [{}])
        if {} in security or operation.get("requestBody"):
            continue
        assert security == [{"bearer": []}, {"cookie": []}]
        assert http.request(method, path).status_code == 401, (method, path)


def request_schemas(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema that a request's body is made of, by name; the body's own has the place as its name."""
    wanted = [
        (f"{method} {path} {kind}", content["schema"])
        for (path, method), operation in operations(document)
        for kind, content in operation.get("requestBody", {}).get("content", {}).items()
    ]
    seen = set()
    while wanted:
        name, schema = wanted.pop()
        yield name, schema
        for item in re.findall(r'"#/components/schemas/(\w+)"', json.dumps(schema)):
            if item not in seen:
                seen.add(item)
                wanted.append((item, document["components"]["schemas"][item]))


def test_every_body_is_a_named_schema(document: dict[str, Any]) -> None:
    """Generators make no type of a schema without a name."""
    plain = {"type", "additionalProperties", "title"}
    for (path, method), operation in operations(document):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            schemas = content["schema"].get("anyOf", [content["schema"]])
            for schema in schemas:
                assert set(schema) == {"$ref"} or set(schema) <= plain, (method, path)
    for name in ("Push", "NewMessages", "TokenBody", "VisitStart", "VisitMessage"):
        assert document["components"]["schemas"][name]["properties"], name


def test_no_body_is_of_several_types_and_no_parameter_has_an_empty_default(document: dict[str, Any]) -> None:
    """openapi-python-client leaves out every endpoint where that is so."""
    for name, schema in request_schemas(document):
        assert not ({"anyOf", "oneOf"} & schema.keys() and "properties" in schema), name
    for place, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            assert parameter["schema"].get("default") != "", place


def test_no_key_of_a_request_has_a_default(document: dict[str, Any]) -> None:
    """Generators make such a key a required one."""
    result = dict(request_schemas(document))
    assert {"SignupBody", "PushedMessage", "StampModel", "Effort"} <= result.keys()
    for name, schema in result.items():
        assert '"default"' not in json.dumps(schema), name
    assert "invitation" not in result["SignupBody"]["required"]
    assert set(result["SignupBody"]["required"]) == {"email", "password"}


def test_a_key_that_is_required_is_said_to_be(document: dict[str, Any], ada: Person) -> None:
    for path, name in (("/api/chat/session", "id"), ("/api/chat/search", "q")):
        result = next(
            parameter for parameter in document["paths"][path]["get"]["parameters"] if parameter["name"] == name
        )
        assert result["required"]
        assert "default" not in result["schema"]
        assert "x-required" not in result["schema"]
        assert ada.http.get(path).status_code == 400
    assert document["components"]["schemas"]["SessionChange"]["required"] == ["id"]


def test_an_unknown_path_and_method_are_refused_with_the_same_body(http: httpx.Client) -> None:
    for answer, status, code in (
        (http.get("/api/nothing"), 404, "not_found"),
        (http.put("/api/chat/sessions"), 405, "method_not_allowed"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.json()["timestamp"].endswith("Z")
