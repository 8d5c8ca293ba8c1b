"""Read-only databases: lagging standbys, demoted primaries, and read-only settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import httpx
import pytest
from accounts import Person, client_of
from devices import Device, conversation_op, message_op

from sterna.server.admin.users import Users, UsersError
from sterna.server.database.migrations import MigrationError, migrate
from sterna.server.run import ServeError, migrate_only, serve
from sterna.server.settings import ServerSettings

READ_ONLY = "&options=-c%20default_transaction_read_only%3Don"


@pytest.fixture
def standby(served: Callable[..., str], settings: ServerSettings) -> str:
    """Start a server of the same database with read-only connections, like a standby."""
    return served(database_url=settings.database_url + READ_ONLY, service_url=settings.server_url + READ_ONLY)


@pytest.fixture
def elsewhere(standby: str, ada: Person) -> Iterator[Device]:
    """Ada's device at that server."""
    with client_of(standby, {"authorization": f"Bearer {ada.token}"}) as client:
        yield Device(client, "elsewhere")


def is_later(answer: httpx.Response) -> bool:
    """Return whether a response asks to try again instead of starting over."""
    assert answer.status_code == 503, answer.text
    assert "resync" not in answer.text
    return int(answer.headers["retry-after"]) > 0


QUERIES: tuple[dict[str, object], ...] = ({"since": 0}, {"since": 2}, {"newest": 5}, {"session": "c1", "since": 0})


def test_a_head_older_than_the_device_s_own_is_not_yet_and_never_another_history(
    ada: Person, elsewhere: Device
) -> None:
    result = Device(ada)
    result.push(conversation_op(), message_op())
    number = int(result.seen.partition(".")[0])
    for ahead in (0, 1, 1000):
        elsewhere.seen = f"{number + ahead}.{'f' * 32}"  # told by the primary; not here yet
        for query in QUERIES:
            assert is_later(elsewhere.http.get("/api/chat/sync", params=query, headers=elsewhere.headers()))
        result.seen = elsewhere.seen
        assert result.pull().resync, "the primary itself is the authority: its history went back"


def test_what_a_standby_knows_it_tells(ada: Person, elsewhere: Device) -> None:
    result = Device(ada)
    result.push(conversation_op(), message_op())
    elsewhere.seen = result.seen
    assert [row.id for row in elsewhere.pull().rows] == ["c1", "m1"]


def test_a_write_where_only_reading_is_possible_is_later_too(ada: Person, elsewhere: Device) -> None:
    assert is_later(elsewhere.send(conversation_op()))
    body = {"conversations": [{"id": "c", "title": "T", "messages": [{"id": "m", "role": "user", "content": "x"}]}]}
    assert is_later(elsewhere.http.post("/api/chat/sync", json=body))
    assert is_later(elsewhere.http.delete("/api/chat/sessions", params={"id": "c"}))


@pytest.mark.parametrize("secret", ["", "a secret of the tests, long enough for HS256"])
def test_a_read_only_database_is_a_sentence_at_start(settings: ServerSettings, secret: str) -> None:
    admin = settings.admin_url + READ_ONLY
    given = replace(settings, database_url=admin, admin_url=admin, service_url=admin, jwt_secret=secret)
    for start in (migrate_only, lambda one: serve(one, print)):
        with pytest.raises(ServeError, match=r"read-only: default_transaction_read_only is on\. Use the address"):
            start(given)
    with pytest.raises(MigrationError, match="read-only"):
        migrate(admin)


def test_an_account_command_says_so_too(settings: ServerSettings) -> None:
    with pytest.raises(UsersError, match="This database is read-only"):
        Users(settings.server_url + READ_ONLY).invite(None, "free", 7)
