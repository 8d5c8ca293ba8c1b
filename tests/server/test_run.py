"""Start of a server: missing schema, inaccessible folders, and the API description."""

from __future__ import annotations

import socket
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from accounts import SECRET
from polling import wait_until

from sterna.server.database import embedded
from sterna.server.database.embedded import Embedded
from sterna.server.run import Announcing, _database_watch, serve
from sterna.server.settings import ServerSettings
from tests import temporary_folders
from tests.server.conftest import serving


@pytest.fixture
def empty() -> Iterator[Embedded]:
    """PostgreSQL without a schema, and away. Its path is short, so that its socket has the same address again."""
    running = embedded.start(temporary_folders.new_folder() / "postgres")
    embedded.stop(running.folder)
    yield running
    embedded.stop(running.folder)


def test_a_secret_that_was_given_does_not_stand_for_the_schema(settings: ServerSettings, empty: Embedded) -> None:
    own = replace(
        settings, database_url=empty.url, admin_url=empty.admin_url, service_url=empty.service_url, pool_seconds=0.2
    )
    assert own.jwt_secret == SECRET
    keeping = partial(_database_watch, own, False, False)
    with serving(replace(own, jwt_secret=""), background=keeping) as address, httpx.Client(base_url=address) as http:
        assert http.get("/healthz").status_code == 200
        for path in ("/readyz", "/api/chat/sync"):
            answer = http.get(path, headers={"authorization": "Bearer x"})
            assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
            assert answer.headers["retry-after"]
        embedded.start(empty.folder)
        wait_until(lambda: http.get("/readyz").status_code == 200, "ready")
        assert http.get("/api/chat/sync", headers={"authorization": "Bearer x"}).status_code == 401


def test_the_api_description_is_built_before_requests_are_taken(
    settings: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    descriptions: list[dict[str, Any]] = []

    async def take_no_requests(server: Announcing, sockets: list[socket.socket]) -> None:
        descriptions.append(server.config.app.openapi_schema)  # type: ignore[union-attr]

    monkeypatch.setattr(Announcing, "serve", take_no_requests)
    serve(replace(settings, port=0), print)
    assert "/api/chat/sync" in descriptions[0]["paths"]


@pytest.mark.parametrize("prefix", ["sterna-", "sterna-socket-"])
def test_a_folder_among_temporary_ones_keeps_its_data_when_the_server_ends(prefix: str) -> None:
    with tempfile.TemporaryDirectory(prefix=prefix) as name:
        folder = Path(name) / f"{prefix}postgres"
        embedded.start(folder)
        embedded.stop(folder)
        assert (folder / "PG_VERSION").exists()


def test_a_path_of_any_length_is_served() -> None:
    with tempfile.TemporaryDirectory() as name:
        earlier = None
        for length in (85, 86, 95, 104, 120):
            folder = Path(name) / ("x" * (length - len(name) - 1))
            assert len(str(folder)) == length
            if earlier is not None:
                earlier.rename(folder)
            with psycopg.connect(embedded.start(folder).admin_url) as db:
                assert db.execute("select 1").fetchone() == (1,)
            embedded.stop(folder)
            earlier = folder


def test_a_folder_above_that_was_shut_to_others_since_keeps_nobody_out_who_belongs_in(tmp_path: Path) -> None:
    above = tmp_path / "above"
    running = embedded.start(above / "postgres")
    embedded.stop(running.folder)
    above.chmod(0o700)  # root's PostgreSQL is another user
    with psycopg.connect(embedded.start(running.folder).admin_url) as db:
        assert db.execute("select 1").fetchone() == (1,)
    embedded.stop(running.folder)
    assert not stat.S_IMODE(above.stat().st_mode) & (stat.S_IROTH | stat.S_IWOTH)
