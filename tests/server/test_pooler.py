"""Connections through PgBouncer in session and transaction mode, or directly if it is not installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from accounts import Db, Person, client_of, make_user, token_for
from devices import Device, conversation_op, message_op

from sterna.server.database.embedded import Embedded
from sterna.server.database.unprivileged_user import UNPRIVILEGED_USER
from sterna.server.settings import ServerSettings
from sterna.server.setup import install
from tests.serving import serving

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
PEOPLE, PUSHES, CONNECTIONS = 8, 12, 3


@pytest.fixture(params=["session", "transaction"])
def pooled(
    request: pytest.FixtureRequest, postgres: Embedded, settings: ServerSettings, tmp_path: Path
) -> Iterator[ServerSettings]:
    """Return settings whose databases are reached through a pooler with few connections."""
    if PROGRAM is None:
        yield settings
        return
    urls = {name: getattr(settings, name) for name in ("database_url", "admin_url", "service_url")}
    users = {name: urlsplit(url).username for name, url in urls.items()}
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (tmp_path / "users.txt").write_text("".join(f'"{user}" ""\n' for user in users.values()))
    (tmp_path / "pgbouncer.ini").write_text(
        f"[databases]\nsterna = host={postgres.socket} dbname=sterna\n[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = trust\n"
        f"auth_file = {tmp_path}/users.txt\npool_mode = {request.param}\n"
        # a session holds its connection for as long as the server's own pool holds it
        f"default_pool_size = {CONNECTIONS if request.param == 'transaction' else 10}\nserver_round_robin = 1\n"
    )
    who = (
        {"user": postgres_user(postgres), "group": postgres_user(postgres), "extra_groups": []}
        if os.geteuid() == 0
        else {}
    )
    for above in (tmp_path, *tmp_path.parents[:3]):
        above.chmod(above.stat().st_mode | 0o055)
    process = subprocess.Popen([PROGRAM, tmp_path / "pgbouncer.ini"], stderr=subprocess.DEVNULL, **who)
    try:
        wait_for(port, process)
        yield replace(
            settings,
            pool_size=PEOPLE,
            **{name: f"postgresql://{user}@127.0.0.1:{port}/sterna" for name, user in users.items()},
        )
    finally:
        process.kill()
        process.wait(10)


def postgres_user(postgres: Embedded) -> str:
    """Whom PostgreSQL's folder belongs to: nobody else reaches its socket."""
    return Path(postgres.socket).owner() if Path(postgres.socket).exists() else UNPRIVILEGED_USER


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until somebody listens there."""
    limit = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < limit:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("PgBouncer does not listen")


def test_many_people_at_once_push_and_pull_over_few_connections(pooled: ServerSettings, db: Db) -> None:
    install(pooled)  # over the pooler too
    with serving(pooled) as address, ExitStack() as stack:
        people = []
        for _ in range(PEOPLE):
            user_id, email = make_user(db)
            token = token_for(user_id, email)
            client = stack.enter_context(client_of(address, {"authorization": f"Bearer {token}"}))
            people.append(Person(user_id, email, token, client))

        def live(who: Person) -> list[str]:
            device = Device(who)
            for n in range(PUSHES):
                assert [
                    ack.result
                    for ack in device.push(conversation_op(), message_op(f"m{n}", content=f"{who.id} {n}")).acks
                ]
                assert who.http.get("/api/user/data").status_code == 200
            return [row.value["content"] for row in Device(who, "other").pull().rows if row.kind == "m"]

        with ThreadPoolExecutor(PEOPLE) as pool:
            result = list(pool.map(live, people))
    assert result == [[f"{who.id} {n}" for n in range(PUSHES)] for who in people]


@pytest.mark.parametrize("zone", ["Asia/Kathmandu"])
def test_times_are_utc_whatever_zone_a_session_has(
    settings: ServerSettings, served: Callable[..., str], db: Db, person: Callable[..., Person], zone: str
) -> None:
    ada = person()
    address = served(database_url=f"{settings.database_url}&options=-c%20timezone%3D{zone.replace('/', '%2F')}")
    with client_of(address, {"authorization": f"Bearer {ada.token}"}) as client:
        Device(client).push(conversation_op(), message_op("m1"))
        result = client.get("/api/chat/sync").json()["conversations"][0]
    assert result["updatedAt"].endswith("+00:00")
    assert result["lastMessageTimestamp"] == "2026-03-01T12:00:00+00:00"
