"""Limits of request bodies: size, time, compression and memory."""

from __future__ import annotations

import gzip
import json
import os
import socket
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http.client import HTTPResponse
from io import BufferedReader
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from accounts import Person
from error_bodies import assert_error_body

SYNC = "/api/chat/sync"
MOST = 10 * 1024 * 1024
gzipped = partial(gzip.compress, mtime=0)
"""The same bytes in every process that collects the tests."""

NOTHING = b'{"conversations": []}'


class Line(socket.socket):
    """A connection whose answers are read one after the other."""

    def makefile(self, *how: Any, **more: Any) -> Any:
        if not hasattr(self, "_stream"):
            self._stream = Unclosed(socket.SocketIO(self, "r"))
        return self._stream


class Unclosed(BufferedReader):
    def close(self) -> None:
        """Not after one answer."""


@contextmanager
def opened(address: str) -> Iterator[Line]:
    to = urlsplit(address)
    with Line(socket.AF_INET, socket.SOCK_STREAM) as connection:
        connection.settimeout(20)
        connection.connect((to.hostname or "", to.port or 0))
        yield connection


def head(*headers: str, method: str = "POST", path: str = SYNC) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


JSON = "Content-Type: application/json"


def answer(connection: Line) -> tuple[int, dict[str, str], bytes]:
    """Read the next response up to the end that its headers give."""
    response = HTTPResponse(connection)
    response.begin()
    body = response.read()
    return response.status, {name.lower(): value for name, value in response.getheaders()}, body


def is_closed(connection: Line) -> bool:
    try:
        return bool(connection.makefile().read(1) == b"")
    except ConnectionResetError:
        return True


def is_healthy(address: str) -> None:
    assert httpx.get(f"{address}/healthz", timeout=20).status_code == 200


def sent(who: Person, body: bytes, coding: str = "", **headers: str) -> httpx.Response:
    more = {"content-encoding": coding} if coding else {}
    return who.http.post(SYNC, content=body, headers={"content-type": "application/json"} | more | headers)


def chunks(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 1 << 20):
        yield body[start : start + (1 << 20)]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_byte_more_than_the_limit_is_refused_and_the_sender_can_read_why(ada: Person, chunked: bool) -> None:
    body = NOTHING.ljust(MOST + 1)
    answered = ada.http.post(
        SYNC, content=chunks(body) if chunked else body, headers={"content-type": "application/json"}
    )
    assert answered.status_code == 413
    assert_error_body(answered.json(), "payload_too_large")
    assert answered.headers["x-request-id"]
    assert ada.http.get("/healthz").status_code == 200


def test_a_client_that_reads_only_after_it_has_written_all_reads_the_answer(address: str) -> None:
    with opened(address) as connection:
        connection.sendall(head(JSON, f"Content-Length: {40 << 20}"))
        connection.sendall(bytes(40 << 20))
        assert answer(connection)[0] == 413


@pytest.mark.parametrize("chunked", [False, True])
def test_exactly_the_limit_is_taken(ada: Person, chunked: bool) -> None:
    body = NOTHING.ljust(MOST)
    answered = ada.http.post(
        SYNC, content=chunks(body) if chunked else body, headers={"content-type": "application/json"}
    )
    assert answered.status_code == 200


@pytest.mark.parametrize("length", [str(MOST + 1), str(10**12), "9" * 19])
def test_a_length_that_is_too_much_is_refused_before_the_body_comes(address: str, length: str) -> None:
    with opened(address) as connection:
        connection.sendall(head(JSON, f"Content-Length: {length}"))
        status, headers, body = answer(connection)
        assert status == 413
        assert headers["connection"] == "close"
        assert_error_body(json.loads(body), "payload_too_large")


def test_a_client_that_asks_first_is_told_before_it_sends(ada: Person, address: str) -> None:
    with opened(address) as connection:
        connection.sendall(head(JSON, f"Content-Length: {MOST + 1}", "Expect: 100-continue"))
        assert connection.recv(12) == b"HTTP/1.1 413"
    with opened(address) as connection:
        result = (JSON, f"Authorization: Bearer {ada.token}", f"Content-Length: {len(NOTHING)}")
        connection.sendall(head(*result, "Expect: 100-continue"))
        assert connection.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(NOTHING)
        assert answer(connection)[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Length: -1",),
        ("Content-Length: ten",),
        ("Content-Length: 1_0",),
        ("Content-Length: " + "9" * 40,),
        ("Content-Length: 2", "Content-Length: 21"),
        ("Content-Length: 21", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: gzip, chunked, gzip",),
    ],
)
def test_a_length_that_makes_no_sense_is_a_bad_request_and_ends_the_connection(
    address: str, headers: tuple[str, ...]
) -> None:
    with opened(address) as connection:
        connection.sendall(head(JSON, *headers) + NOTHING)
        assert answer(connection)[0] == 400
        assert is_closed(connection)
    is_healthy(address)


def test_a_body_longer_than_it_said_is_not_read_as_part_of_it(ada: Person, address: str) -> None:
    with opened(address) as connection:
        result = (JSON, f"Authorization: Bearer {ada.token}", f"Content-Length: {len(NOTHING)}")
        connection.sendall(head(*result) + NOTHING + b"and more, which is no request")
        # the parser may see the rest before the first answer is written, and ends the connection then
        statuses = [answer(connection)[0]]
        if statuses == [200]:
            statuses.append(answer(connection)[0])
        assert statuses[-1] == 400
        assert is_closed(connection)
    is_healthy(address)


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzipped(NOTHING)),
        ("GZip", gzipped(NOTHING)),
        ("x-gzip", gzipped(NOTHING)),
        ("gzip", gzipped(NOTHING[:7]) + gzipped(b"") + gzipped(NOTHING[7:])),
        ("deflate", zlib.compress(NOTHING)),
        ("deflate", raw_deflate(NOTHING)),
        ("identity", NOTHING),
        ("gzip", gzipped(NOTHING.ljust(200_000))),
    ],
)
def test_a_body_may_be_compressed(ada: Person, coding: str, body: bytes) -> None:
    assert sent(ada, body, coding).status_code == 200
    assert ada.http.post(SYNC, content=chunks(body), headers={"content-encoding": coding, "content-type":
                         "application/json"}).status_code == 200  # fmt: skip


@pytest.mark.parametrize("coding", ["br", "compress", "gzip, gzip", "gzip;q=1", "\xff"])
def test_another_coding_is_told_apart_from_a_broken_body(ada: Person, coding: str) -> None:
    more = {b"content-type": b"application/json", b"content-encoding": coding.encode("latin-1")}
    answered = ada.http.post(SYNC, content=gzipped(NOTHING), headers=more)
    assert answered.status_code == 415
    assert_error_body(answered.json(), "unsupported_media_type")
    assert answered.headers["accept-encoding"] == "gzip, deflate, zstd"


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzipped(NOTHING)[:-1]),
        ("gzip", gzipped(NOTHING)[:5]),
        ("gzip", gzipped(NOTHING) + gzipped(NOTHING)[:12]),
        ("gzip", gzipped(NOTHING) + b"and more"),
        ("gzip", NOTHING),
        ("gzip", gzipped(NOTHING)[:-8] + b"\0" * 8),
        ("deflate", zlib.compress(NOTHING)[:-1]),
        ("deflate", raw_deflate(NOTHING)[:-1]),
        ("deflate", NOTHING),
    ],
)
def test_a_broken_compressed_body_is_a_bad_request(ada: Person, coding: str, body: bytes) -> None:
    answered = sent(ada, body, coding)
    assert answered.status_code == 400
    assert_error_body(answered.json(), "bad_request")


def test_a_bomb_is_refused_without_being_unpacked(ada: Person) -> None:
    gigabyte = gzipped(bytes(16 << 20)) * 64
    tracemalloc.start()
    try:
        answered = sent(ada, gigabyte, "gzip")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answered.status_code == 413
    assert_error_body(answered.json(), "payload_too_large")
    assert peak < 40 << 20


@pytest.mark.parametrize(
    "body",
    [
        gzipped(bytes(4 << 20)),
        gzipped(os.urandom((2 << 20) + 1)),
        gzipped((os.urandom(1024) + bytes(30 << 10)) * 300, 1),
    ],
    ids=["50 times", "2 MiB compressed", "8 MiB inflated"],
)
def test_compressed_bodies_have_limits_of_their_own(ada: Person, body: bytes) -> None:
    assert sent(ada, body, "gzip").status_code == 413


@pytest.mark.parametrize(("coding", "body"), [("gzip", gzipped(b"") * 5000), ("deflate", raw_deflate(b"") * 5000)])
def test_a_body_of_nothing_but_beginnings_is_refused(ada: Person, coding: str, body: bytes) -> None:
    assert sent(ada, body, coding).status_code == 400
    assert sent(ada, body + (gzipped(NOTHING) if coding == "gzip" else NOTHING), coding).status_code == 400


def test_a_client_that_does_not_finish_is_told_so(served: Callable[..., str]) -> None:
    address = served(body_seconds=0.3)
    for length in ("Content-Length: 21", "Transfer-Encoding: chunked"):
        with opened(address) as connection:
            connection.sendall(head(JSON, length) + (b'{"c' if "Length" in length else b'3\r\n{"c\r\n'))
            status, headers, body = answer(connection)
            assert status == 408
            assert headers["connection"] == "close"
            assert_error_body(json.loads(body), "request_timeout")
            assert is_closed(connection)
    is_healthy(address)


def test_clients_that_leave_in_the_middle_hurt_nobody(ada: Person, address: str) -> None:
    for leave in (socket.SHUT_WR, socket.SHUT_RDWR):
        with opened(address) as connection:
            connection.sendall(head(JSON, f"Authorization: Bearer {ada.token}", "Content-Length: 21") + NOTHING[:9])
            connection.shutdown(leave)
            # what the server says to somebody who is gone is nobody's business, but it lets go of the connection
            assert b"HTTP/1.1 200" not in connection.recv(4096)
    is_healthy(address)
    assert sent(ada, NOTHING).status_code == 200


def test_idle_clients_stand_in_nobodys_way(ada: Person, address: str) -> None:
    with ExitStack() as stack:
        for n in range(200):
            connection = stack.enter_context(opened(address))
            connection.sendall((b"", head(JSON, "Content-Length: 21") + b"{", b"POST /api")[n % 3])
        assert sent(ada, NOTHING).status_code == 200
        is_healthy(address)


def test_requests_sent_one_behind_the_other_are_answered_in_turn(ada: Person, address: str) -> None:
    mine = (JSON, f"Authorization: Bearer {ada.token}", f"Content-Length: {len(NOTHING)}")
    with opened(address) as connection:
        connection.sendall(
            head(*mine, "x-request-id: one")
            + NOTHING
            + head("x-request-id: two", method="GET", path="/healthz")
            + head(*mine, "x-request-id: three")
            + NOTHING
        )
        values = [answer(connection)[:2] for _ in range(3)]
    assert [(status, headers["x-request-id"]) for status, headers in values] == [
        (200, "one"),
        (200, "two"),
        (200, "three"),
    ]
