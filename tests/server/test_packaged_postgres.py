"""Schema, sync and REST on the system's PostgreSQL, which has JIT, or on the embedded one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from accounts import Person, client_of, connect, make_user, token_for
from devices import Device, conversation_op, message_op

from sterna.server.database.embedded import APP, SERVICE, Embedded
from sterna.server.database.migrations import files, migrate
from sterna.server.settings import ServerSettings
from sterna.sync.wire import Op
from tests.other_postgres import programs, running
from tests.serving import serving

EXPLAINED = (
    "session_preload_libraries=auto_explain",
    "auto_explain.log_min_duration=0",
    "auto_explain.log_nested_statements=on",
)
DISABLED = 1e9
"""Up to PostgreSQL 17 a plan that is forced to use a disabled plan type costs ten times this, enough to be compiled."""
MANY = 60


@pytest.fixture(scope="module")
def packaged(request: pytest.FixtureRequest) -> Iterator[Embedded]:
    """Start a packaged PostgreSQL with the schema, which logs every plan."""
    if (folder := programs()) is None:
        yield request.getfixturevalue("postgres")
        return
    with running(folder, *EXPLAINED) as result:
        assert migrate(result.admin_url, app_role=APP, server_role=SERVICE) == [file.name for file in files()]
        yield result


@pytest.fixture(scope="module")
def someone(packaged: Embedded, settings: ServerSettings) -> Iterator[Person]:
    """Somebody with an account there."""
    urls = {"database_url": packaged.url, "admin_url": packaged.admin_url, "service_url": packaged.service_url}
    with connect(packaged.admin_url) as db, serving(replace(settings, **urls)) as address:
        user_id, email = make_user(db)
        token = token_for(user_id, email)
        with client_of(address, {"authorization": f"Bearer {token}"}) as client:
            yield Person(user_id, email, token, client)


def plans(packaged: Embedded) -> list[str]:
    """Every plan that was logged, nested statements included."""
    log = packaged.folder / "log"
    return re.split(r"LOG:  duration: ", log.read_text("utf-8", "replace"))[1:] if log.exists() else []


def use(person: Person) -> None:
    """Do what devices and web clients do: push, edit, pull, delete, restore, clear, search and read."""
    first, other = Device(person, "one"), Device(person, "other")
    first.push(
        conversation_op("c1"),
        *(message_op(f"m{n}", "c1", f"word {n}", role="assistant" if n % 2 else "user") for n in range(MANY)),
    )
    first.push(
        message_op("m1", "c1", "edited"),
        Op("s", "c1/model", "put", value={"value": "x"}),
        conversation_op("c1", "Gulls", cls=1),
    )
    for n in range(3):
        first.push(message_op(f"n{n}", "c1"), sync_pull="cur=0;max=1000000")
    assert len(other.pull().rows) == 1 + MANY + 1 + 3
    other.push(*(Op("m", f"m{n}", "del", "c1") for n in range(10, 20)), Op("m", "m20", "del", "c1"))
    other.push(Op("c", "c1", "del"))
    other.push(Op("c", "c1", "restore"))
    assert len(other.pull(session="c1", since=0).rows) == 1 + MANY - 11 + 3 + 1
    assert [row.value["title"] for row in other.pull(newest=5, since=0).rows] == ["Gulls"]
    spoken = [{"id": f"w{n}", "role": "user", "content": f"gannet {n}"} for n in range(MANY)]
    body = {"conversations": [{"id": "c2", "title": "W", "messages": spoken}, {"id": "c3", "title": "X"}]}
    assert person.http.post("/api/chat/sync", json=body).json()["results"]["synced"] == 2
    assert person.http.post("/api/chat/sync", json=body).json()["results"]["errors"] == 0
    for path in ("/api/chat/sync?summary_only=false", "/api/chat/sessions", "/api/user/data", "/api/user/export"):
        assert person.http.get(path).status_code == 200, path
    assert person.http.get("/api/chat/messages", params={"session_id": "c2"}).status_code == 200
    assert person.http.get("/api/chat/search", params={"q": "gannet"}).json()["results"]
    assert person.http.delete("/api/chat/sessions", params={"id": "c3"}).status_code == 200
    assert person.http.delete("/api/chat/clear-all").status_code == 200
    assert other.pull().rows


def test_sync_and_rest_work_there_and_no_plan_uses_a_disabled_type_or_is_compiled(
    packaged: Embedded, someone: Person
) -> None:
    use(someone)
    with connect(packaged.admin_url) as db:
        assert db.execute("show jit").fetchone() == {"jit": "off"}
    result = plans(packaged)
    assert len(result) > 1000 or programs() is None
    forced = [
        item for item in result if any(float(cost) >= DISABLED for cost in re.findall(r"cost=[\d.]+\.\.([\d.]+)", item))
    ]
    assert forced == []
    assert [item for item in result if "JIT:" in item] == []


def test_the_embedded_one_compiles_nothing_either(postgres: Embedded) -> None:
    with connect(postgres.url) as db:
        assert db.execute("show jit").fetchone() == {"jit": "off"}
