"""The document at /openapi.json is complete and valid, and the server's errors conform to it."""

from __future__ import annotations

import gzip
import re
from copy import deepcopy
from typing import Any

import httpx
import jsonschema_rs
import pytest
import schemathesis
from described import DOCUMENT, ROUTES

OPERATIONS = [(method, path) for path, item in DOCUMENT["paths"].items() for method in item]
HIDDEN = {"/openapi.json", "/metrics", "/device", "/recover"}
"""Paths that are not described: the document, metrics, and HTML pages."""
WITHOUT_SIGN_IN = {
    ("get", "/healthz"),
    ("get", "/readyz"),
    ("post", "/auth/v1/signup"),
    ("post", "/auth/v1/token"),
    ("post", "/auth/v1/device/code"),
    ("post", "/auth/v1/recover"),
    ("post", "/auth/v1/verify"),
    ("get", "/auth/v1/settings"),
    ("post", "/auth/v1/otp"),
    ("post", "/auth/v1/magiclink"),
}
OPTIONAL_SIGN_IN = {
    ("get", "/api/models"),
    ("post", "/api/chat"),
    ("post", "/api/chat/stream"),
    ("post", "/api/chat/session/start"),
    ("post", "/api/chat/session/message"),
}
BOMB = gzip.compress(bytes(2**20))

each = pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=[f"{item} {path}" for item, path in OPERATIONS])


def operation(method: str, path: str) -> dict[str, Any]:
    return dict(DOCUMENT["paths"][path][method])


def pointed_at(value: Any) -> set[str]:
    """Every $ref below."""
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(pointed_at(item) for item in value.values()))
    return set().union(*(pointed_at(item) for item in value)) if isinstance(value, list) else set()


def test_it_is_a_valid_document_of_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(DOCUMENT).validate()
    broken = deepcopy(DOCUMENT)
    broken["paths"]["/healthz"]["get"]["responses"]["200"] = {"description": 7}
    with pytest.raises(jsonschema_rs.ValidationError):
        schemathesis.openapi.from_dict(broken).validate()


def test_all_that_it_points_at_is_in_it() -> None:
    names = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert pointed_at(DOCUMENT) == names
    assert all(re.fullmatch("[A-Z][A-Za-z]+", name.rpartition("/")[2]) for name in names)


def test_every_route_is_in_it() -> None:
    assert set(OPERATIONS) == {(method.lower(), path) for method, path, _ in ROUTES if path not in HIDDEN}


@each
def test_every_refusal_has_the_body_of_refusals(method: str, path: str) -> None:
    bodies = {"Refusal"} | ({"RefusalBody"} if path.startswith("/auth/") else set())
    bodies = {"PostgrestError"} if path.startswith("/rest/") else bodies
    for status, answer in operation(method, path)["responses"].items():
        if int(status) >= 400:
            assert list(answer["content"]) == ["application/json"], status
            schema = answer["content"]["application/json"]["schema"]
            values = {item["$ref"].rpartition("/")[2] for item in schema.get("anyOf", [schema])}
            assert values <= bodies, status


@each
def test_422_is_of_sign_in_alone(method: str, path: str) -> None:
    assert path.startswith("/auth/") or "422" not in operation(method, path)["responses"]


def test_a_refusal_has_the_keys_of_body_a() -> None:
    for name in ("Refusal", "RefusalBody"):
        assert set(DOCUMENT["components"]["schemas"][name]["required"]) == {"error", "message", "code", "timestamp"}


@each
def test_an_operation_says_who_may_call_it(method: str, path: str) -> None:
    response = operation(method, path).get("security")
    if (method, path) in WITHOUT_SIGN_IN:
        assert response is None
    elif (method, path) in OPTIONAL_SIGN_IN:
        assert response == [{"bearer": []}, {"cookie": []}, {}]
    else:
        assert response == [{"bearer": []}, {"cookie": []}]


@each
def test_who_is_not_signed_in_is_answered_as_it_says(http: httpx.Client, method: str, path: str) -> None:
    answer = http.request(method, path, json={} if "requestBody" in operation(method, path) else None)
    assert str(answer.status_code) in operation(method, path)["responses"]
    if (method, path) not in WITHOUT_SIGN_IN | OPTIONAL_SIGN_IN:
        assert answer.status_code == 401


@pytest.mark.parametrize(("method", "path"), [item for item in OPERATIONS if item[0] in ("post", "put", "patch")])
@pytest.mark.parametrize(
    ("coding", "body", "status"),
    [("br", b"{}", 415), ("gzip", b"{}", 400), ("gzip", BOMB, 413)],
    ids=["unknown coding", "no gzip", "too large"],
)
def test_a_body_that_cannot_be_read_is_refused_as_it_says(
    http: httpx.Client, method: str, path: str, coding: str, body: bytes, status: int
) -> None:
    headers = {"content-type": "application/json", "content-encoding": coding}
    answer = http.request(method, path, content=body, headers=headers)
    assert (answer.status_code, str(status) in operation(method, path)["responses"]) == (status, True)
