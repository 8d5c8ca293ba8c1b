"""Every endpoint conforms to /openapi.json for generated requests."""

from __future__ import annotations

import os
from typing import Any

import pytest
import schemathesis
from accounts import Person
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_schema_conformance,
    status_code_conformance,
)

from sterna.server.app import create_app
from sterna.server.settings import ServerSettings

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
DOCUMENT = create_app(ServerSettings(jwt_secret="x" * 32)).openapi()

ENDLESS = "/api/chat/sync/head"
"""Stream that other tests read."""
thorough = schemathesis.openapi.from_dict(DOCUMENT).exclude(path=ENDLESS)
# most of what it would send again is refused before it is read
brief = schemathesis.openapi.from_dict(
    DOCUMENT, config=schemathesis.Config.from_dict({"phases": {"coverage": {"enabled": False}}})
).exclude(path=ENDLESS)
EXAMPLES = int(os.environ.get("EXAMPLES", "8"))
"""Examples per operation; `make strict` tries many more."""
both_ways = schemathesis.openapi.from_dict(
    DOCUMENT,
    config=schemathesis.Config.from_dict(
        {
            "generation": {"mode": "all"},
            "phases": {"coverage": {"enabled": EXAMPLES > 8}},
            "checks": {
                # a model or a conversation that is not there, a limit, a thing that this server has not
                "positive_data_acceptance": {
                    "expected-statuses": [
                        "2xx",
                        "402",
                        "403",
                        "404",
                        "409",
                        "413",
                        "416",
                        "422",
                        "426",
                        "429",
                        "501",
                        "503",
                    ]
                },
                "negative_data_rejection": {"expected-statuses": ["4xx"]},
            },
        }
    ),
).exclude(path=ENDLESS)
UNJUDGED = {
    ("GET", "/api/chat/sync"),
    ("POST", "/api/chat/sync"),
    ("POST", "/api/chat/session/start"),
    ("POST", "/api/chat/session/message"),
}
"""Headers of devices may be anything where no device asks; a conversation that cannot be taken is told among the other
results; a server that keeps no visits reads none.
"""
JUDGED_WITHIN = ("/rest/", "/auth/", "/api/chat/sync")
"""Where what a text must be depends on the database, on an account, or on another part of the request: 400 as well."""
same_each_time = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def lived_in(ada: Person) -> Person:
    """Somebody with a conversation, so that listings have something to list."""
    messages = [
        {"id": "m1", "role": "user", "content": "Which one?", "timestamp": "2025-11-20T17:34:55.000Z"},
        {
            "id": "m2",
            "role": "assistant",
            "content": "Use a heap.",
            "timestamp": "2025-11-20T17:35:01.250Z",
            "model": "acme/small",
            "output_tokens": 5,
            "elapsed_ms": 1830,
        },
    ]
    body = {"conversations": [{"id": "c", "title": "Sorting", "userId": str(ada.id), "messages": messages}]}
    assert ada.http.post("/api/chat/sync", json=body).json()["results"]["synced"] == 1
    return ada


@thorough.parametrize()
@same_each_time
def test_who_is_signed_in_is_answered_as_the_document_says(
    case: Case[Any], relaying: tuple[object, str], lived_in: Person
) -> None:
    headers = {"authorization": f"Bearer {lived_in.token}"}
    case.call_and_validate(base_url=relaying[1], headers=headers, checks=CHECKS)


@brief.parametrize()
@same_each_time
def test_who_is_not_signed_in_is_answered_as_the_document_says(case: Case[Any], relaying: tuple[object, str]) -> None:
    case.call_and_validate(base_url=relaying[1], checks=CHECKS)


@both_ways.parametrize()
@same_each_time
def test_what_the_document_allows_is_taken_and_what_it_forbids_is_refused(
    case: Case[Any], relaying: tuple[object, str], lived_in: Person
) -> None:
    checks: list[Any] = [not_a_server_error]
    if (case.method, case.path) not in UNJUDGED:
        checks.append(negative_data_rejection)
    if not case.path.startswith(JUDGED_WITHIN):
        checks.append(positive_data_acceptance)
    headers = {"authorization": f"Bearer {lived_in.token}"}
    case.call_and_validate(base_url=relaying[1], headers=headers, checks=checks)
