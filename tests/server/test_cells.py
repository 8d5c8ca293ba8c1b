"""Accounts split over two databases with a server each, behind a proxy that routes by the token's subject.

HAProxy where it is installed; elsewhere each client is given the address that the proxy would choose.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from accounts import SECRET, Db, client_of, connect
from devices import Device, conversation_op, message_op
from psycopg import sql

from sterna.server.database.embedded import APP, SERVICE, Embedded, start, stop
from sterna.server.database.migrations import migrate
from sterna.server.settings import External, ServerSettings
from sterna.sync.wire import Op
from tests.serving import serving

PROGRAM = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
CELLS = ("north", "south")
PUSHES = 3
CONFIG = """
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend all
    bind 127.0.0.1:{port}
    http-request set-var(txn.sub) http_auth_bearer,jwt_payload_query('$.sub')
    use_backend north if {{ path_beg /auth/ /device }}
    use_backend %[var(txn.sub),map_beg({map},north)]
backend north
    server one {north}
backend south
    server one {south}
"""


def cell_of(user_id: str) -> str:
    """Return the cell of an account, by the first digit of its id."""
    return CELLS[int(user_id[0], 16) // 8]


@dataclass
class Cells:
    """Two of them, and the way in."""

    addresses: dict[str, str]
    databases: dict[str, Db]
    proxy: str = ""

    def address(self, user_id: str) -> str:
        return self.proxy or self.addresses[cell_of(user_id)]

    def rows(self, cell: str, user_id: str) -> int:
        """Conversations and messages of somebody in a cell, and their places in the history."""
        names = ("chat_sessions", "chat_messages", "sync_rows")
        values = [
            self.databases[cell].execute(f"select count(*) as n from {name} where user_id = %s", (user_id,)).fetchone()
            for name in names
        ]
        return sum(row["n"] for row in values if row)


@pytest.fixture(scope="module")
def cells(settings: ServerSettings, postgres: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cells]:
    """North, where people sign in too, and south, which believes north's tokens."""
    folder = tmp_path_factory.mktemp("south") / "postgres"
    southern = start(folder)
    migrate(southern.admin_url, app_role=APP, server_role=SERVICE)
    theirs = replace(
        settings,
        database_url=southern.url,
        admin_url=southern.admin_url,
        service_url=southern.service_url,
        jwt_secret="a secret of the south alone, long enough too",
        external=External(secret=SECRET),
    )
    with ExitStack() as stack:
        addresses = {"north": stack.enter_context(serving(settings)), "south": stack.enter_context(serving(theirs))}
        databases = {
            "north": stack.enter_context(connect(postgres.admin_url)),
            "south": stack.enter_context(connect(southern.admin_url)),
        }
        result = Cells(addresses, databases)
        if PROGRAM is not None:
            result.proxy = stack.enter_context(proxied(PROGRAM, folder.parent, addresses))
        yield result
    stop(folder)


class proxied:  # noqa: N801
    """HAProxy in front of both, while it is entered."""

    def __init__(self, program: str, folder: Path, addresses: dict[str, str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self._port = probe.getsockname()[1]
        digits = "".join(f"{digit:x} {cell_of(f'{digit:x}')}\n" for digit in range(16))
        (folder / "cells.map").write_text(digits)
        hosts = {cell: address.removeprefix("http://") for cell, address in addresses.items()}
        (folder / "haproxy.cfg").write_text(CONFIG.format(port=self._port, map=folder / "cells.map", **hosts))
        self._process = subprocess.Popen(
            [program, "-f", folder / "haproxy.cfg"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def __enter__(self) -> str:
        limit = time.monotonic() + 20
        while self._process.poll() is None and time.monotonic() < limit:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return f"http://127.0.0.1:{self._port}"
            time.sleep(0.02)
        raise AssertionError("HAProxy does not listen")

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(10)


@dataclass
class Someone:
    id: str
    device: Device


@pytest.fixture
def joins(cells: Cells) -> Iterator[Callable[[str], Someone]]:
    """Signs somebody up who belongs into a cell."""
    with ExitStack() as stack:

        def join(cell: str) -> Someone:
            with client_of(cells.proxy or cells.addresses["north"]) as http:
                while True:
                    given = {"email": f"{uuid4().hex}@example.org", "password": "correct horse battery"}
                    body = http.post("/auth/v1/signup", json=given).json()
                    if cell_of(body["user"]["id"]) == cell:
                        break
            headers = {"authorization": f"Bearer {body['access_token']}"}
            client: httpx.Client = stack.enter_context(client_of(cells.address(body["user"]["id"]), headers))
            return Someone(body["user"]["id"], Device(client))

        yield join


def test_everybody_lives_in_one_cell_whole_and_nothing_of_them_in_the_other(
    cells: Cells, joins: Callable[[str], Someone]
) -> None:
    for cell, other in (CELLS, CELLS[::-1]):
        someone = joins(cell)
        for n in range(PUSHES):
            answer = someone.device.push(conversation_op(), message_op(f"m{n}"), sync_pull="cur=0;max=100000")
            assert [ack.result for ack in answer.acks] == ["ok", "ok"]
            assert answer.user == someone.id
        assert len(Device(someone.device.http, "other").pull().rows) == 1 + PUSHES
        assert cells.rows(cell, someone.id) == 2 * (1 + PUSHES)
        assert cells.rows(other, someone.id) == 0


def test_an_account_is_erased_in_its_cell_though_it_signs_in_elsewhere(
    cells: Cells, joins: Callable[[str], Someone]
) -> None:
    someone = joins("south")
    someone.device.push(conversation_op(), message_op())
    assert someone.device.http.delete("/api/user/account").status_code == 200
    assert cells.rows("south", someone.id) == 0
    for table in ("profiles", "auth.users"):
        assert cells.databases["south"].execute(f"select 1 from {table} where id = %s", (someone.id,)).fetchall() == []


def test_somebody_s_rows_move_to_another_cell_and_their_device_goes_on(
    cells: Cells, joins: Callable[[str], Someone]
) -> None:
    """Copy an account's rows of every table with triggers off, as docs/server.md describes."""
    someone = joins("south")
    someone.device.push(conversation_op(), message_op("m1"), Op("s", "c1/model", "put", value={"value": "x"}))
    someone.device.pull()
    source, target = cells.databases["south"], cells.databases["north"]
    move(source, target, someone.id)
    headers = {"authorization": str(someone.device.http.headers["authorization"])}
    with client_of(cells.addresses["north"], headers) as http:
        someone.device.http = http
        answer = someone.device.push(message_op("m2"), sync_pull=f"cur={someone.device.cur};max=100000")
        assert (answer.resync, [ack.result for ack in answer.acks]) == (False, ["ok"])
        assert not someone.device.pull().resync
        assert len(Device(http, "new").pull().rows) == 4


TABLES = """
select t.relname as name, a.attname as key
from pg_class as t
join pg_attribute as a on a.attrelid = t.oid and a.attname = case t.relname when 'profiles' then 'id' else 'user_id' end
where t.relnamespace = 'public'::regnamespace and t.relkind = 'r'
order by t.relname <> 'profiles', t.relname
"""


def move(source: Db, target: Db, user_id: str) -> None:
    """Copy everything of somebody, then let the source forget it."""
    with target.transaction():
        target.execute("set local session_replication_role = replica")
        for table in source.execute(TABLES).fetchall():
            name, key = sql.Identifier(table["name"]), sql.Identifier(table["key"])
            target.execute(sql.SQL("delete from {} where {} = %s").format(name, key), (user_id,))
            rows = source.execute(
                sql.SQL("select to_jsonb(t)::text as row from {} as t where {} = %s").format(name, key), (user_id,)
            ).fetchall()
            target.execute(
                sql.SQL(
                    "insert into {0} select r.* from unnest(%s::text []) as j,"
                    " jsonb_populate_record(null::{0}, j::jsonb) as r"
                ).format(name),
                ([row["row"] for row in rows],),
            )
    source.execute("delete from auth.users where id = %s", (user_id,))
