"""A server whose database has no schema yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import pytest
from people import SECRET
from waiting import until

from server import embedded
from server.embedded import Embedded
from server.serving import _kept
from server.settings import ServerSettings
from tests.server.conftest import serving


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Embedded]:
    """PostgreSQL without a schema, and away."""
    running = embedded.start(tmp_path / "postgres")
    embedded.stop(running.folder)
    yield running
    embedded.stop(running.folder)


def test_a_secret_that_was_given_does_not_stand_for_the_schema(settings: ServerSettings, empty: Embedded) -> None:
    own = replace(settings, database_url=empty.url, admin_url=empty.admin_url, pool_seconds=0.2)
    assert own.jwt_secret == SECRET
    keeping = partial(_kept, own, False, False)
    with serving(replace(own, jwt_secret=""), background=keeping) as address, httpx.Client(base_url=address) as http:
        assert http.get("/healthz").status_code == 200
        for path in ("/readyz", "/api/chat/sync"):
            answer = http.get(path, headers={"authorization": "Bearer x"})
            assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
            assert answer.headers["retry-after"]
        embedded.start(empty.folder)
        until(lambda: http.get("/readyz").status_code == 200, "ready")
        assert http.get("/api/chat/sync", headers={"authorization": "Bearer x"}).status_code == 401
