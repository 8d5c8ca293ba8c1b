"""Every endpoint conforms to /openapi.json for generated requests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
import requests
import schemathesis
from accounts import Person
from described import DOCUMENT, ROUTES
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.pytest.lazy import get_all_tests
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
ENDLESS = "/api/chat/sync/head"
"""Stream that other tests read."""
OPERATIONS = [(method, path) for method, path, is_described in ROUTES if is_described and path != ENDLESS]
EXAMPLES = int(os.environ.get("EXAMPLES", "4"))
"""Examples per operation, beside those made from its limits; `make strict` tries many more."""
ACCEPTED = ["2xx", "402", "403", "404", "409", "413", "416", "422", "426", "429", "501", "503"]
"""A model or a conversation that is not there, a limit, a thing that this server has not."""
UNJUDGED = {
    ("GET", "/api/chat/sync"),
    ("POST", "/api/chat/sync"),
    ("POST", "/api/chat/session/start"),
    ("POST", "/api/chat/session/message"),
}
"""Headers of devices may be anything where no device asks; a conversation that cannot be taken is told among the other
results; a server that keeps no visits reads none.
"""
LENIENT = {("POST", "/api/chat/messages")}
"""A message's fields that count as false are taken as absent, of whatever type: values at the limits are not judged."""
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


def documented(*, with_coverage: bool) -> BaseSchema:
    """Return the document; with coverage, its cases are also derived from each limit in it."""
    return schemathesis.openapi.from_dict(
        deepcopy(DOCUMENT),
        config=schemathesis.Config.from_dict(
            {
                "generation": {"mode": "all"},
                "phases": {"coverage": {"enabled": with_coverage}},
                "checks": {
                    "positive_data_acceptance": {"expected-statuses": ACCEPTED},
                    "negative_data_rejection": {"expected-statuses": ["4xx"]},
                },
            }
        ),
    ).exclude(path=ENDLESS)


@pytest.fixture(scope="module")
def every_operation() -> BaseSchema:
    return documented(with_coverage=True)


@pytest.fixture(scope="module")
def every_operation_briefly() -> BaseSchema:
    """Without the cases of coverage: most of them would be refused before they are read."""
    return documented(with_coverage=False)


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """Connections that are kept from request to request."""
    with requests.Session() as opened:
        opened.trust_env = False  # no proxy of this machine
        yield opened


def run(schema: BaseSchema, operation: tuple[str, str], check: Callable[..., None]) -> None:
    """Check the cases of one operation, made now: at collection, each worker would make those of all operations."""
    method, path = operation
    (found,) = get_all_tests(
        schema=schema.include(method=method, path=path), test_func=check, settings=same_each_time, given_kwargs={}
    )
    _, test = found.ok()
    test()


def test_every_operation_of_the_document_is_tried(every_operation: BaseSchema) -> None:
    labels = {found.ok().label for found in every_operation.get_all_operations()}
    assert labels == {" ".join(one) for one in OPERATIONS}


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("operation", OPERATIONS, ids=" ".join)
def test_who_is_signed_in_is_answered_as_the_document_says(
    operation: tuple[str, str],
    every_operation: BaseSchema,
    every_operation_briefly: BaseSchema,
    relaying: tuple[object, str],
    lived_in: Person,
    session: requests.Session,
) -> None:
    """What the document allows is taken too, and what it forbids is refused."""
    headers = {"authorization": f"Bearer {lived_in.token}"}
    judging = [] if operation in UNJUDGED else [negative_data_rejection]
    if not operation[1].startswith(JUDGED_WITHIN):
        judging.append(positive_data_acceptance)

    def check(case: Case[Any]) -> None:
        case.call_and_validate(base_url=relaying[1], session=session, headers=headers, checks=CHECKS)

    def judge(case: Case[Any]) -> None:
        case.call_and_validate(base_url=relaying[1], session=session, headers=headers, checks=CHECKS + judging)

    run(every_operation, operation, check if operation in LENIENT else judge)
    if operation in LENIENT:
        run(every_operation_briefly, operation, judge)


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("operation", OPERATIONS, ids=" ".join)
def test_who_is_not_signed_in_is_answered_as_the_document_says(
    operation: tuple[str, str],
    every_operation_briefly: BaseSchema,
    relaying: tuple[object, str],
    session: requests.Session,
) -> None:
    def check(case: Case[Any]) -> None:
        case.call_and_validate(base_url=relaying[1], session=session, checks=CHECKS)

    run(every_operation_briefly, operation, check)
