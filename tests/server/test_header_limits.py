"""Incomplete requests cost the server little memory and time."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest
from accounts import Person

from sterna.server.http.header_limits import LimitedProtocol

ASKED = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


def answered(address: str, *pieces: bytes) -> bytes:
    """All that comes until the server closes the connection."""
    where = urlsplit(address)
    with socket.create_connection((where.hostname, where.port), timeout=20) as connection:
        result = b""
        try:
            for piece in pieces:
                connection.sendall(piece)
            while piece := connection.recv(65536):
                result += piece
        except (ConnectionResetError, BrokenPipeError):
            pass
    return result


@pytest.mark.parametrize("begun", [b"", b"GET /hea", ASKED])
def test_a_connection_whose_request_does_not_come_is_closed(
    address: str, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(LimitedProtocol, "seconds", 0.2)
    assert answered(address, begun) == b""


def test_a_second_request_that_does_not_come_ends_the_connection_too(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LimitedProtocol, "seconds", 0.2)
    where = urlsplit(address)
    with socket.create_connection((where.hostname, where.port), timeout=20) as connection:
        connection.sendall(ASKED + b"\r\n")
        result = b""
        while not result.endswith(b'{"status":"ok"}'):  # the head and the body may come apart
            result += connection.recv(65536)
        assert result.startswith(b"HTTP/1.1 200 ")
        connection.sendall(ASKED)
        assert connection.recv(65536) == b""


@pytest.mark.parametrize("header", [b"x: " + b"a" * 5_000_000, b"x: 1\r\n" * 1_000_000])
def test_headers_without_end_are_refused_while_they_come(address: str, header: bytes) -> None:
    result = answered(address, ASKED, header)
    assert result == b"" or result.startswith(b"HTTP/1.1 431 ")
    assert answered(address, ASKED + b"Connection: close\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_headers_of_some_size_are_taken_in_pieces(address: str) -> None:
    result = answered(address, ASKED, b"x: " + b"a" * 40_000, b"\r\nConnection: close\r\n", b"\r\n")
    assert result.startswith(b"HTTP/1.1 200 ")


def test_a_long_body_is_no_head(address: str, ada: Person) -> None:
    body = b'{"conversations": []' + b" " * 1_000_000 + b"}"
    head = b"POST /api/chat/sync HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"
    head += b"Authorization: Bearer " + ada.token.encode()
    result = answered(address, head + b"\r\nContent-Length: %d\r\n\r\n" % len(body), body)
    assert result.startswith(b"HTTP/1.1 200 ")
