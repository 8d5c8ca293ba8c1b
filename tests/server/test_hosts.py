"""Requests with a foreign Host header are refused."""

from __future__ import annotations

import socket
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import pytest
from accounts import Person, client_of

PATHS = [
    "/auth/v1/signup",
    "/auth/v1/device/code",
    "/api/chat",
    "/api/models",
    "/metrics",
    "/openapi.json",
    "/",
    "/device",
]


def get(http: httpx.Client, host: str, path: str = "/api/models", **headers: str) -> httpx.Response:
    return http.get(path, headers={"host": host} | headers)


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:{port}", "localhost.evil.example", "127.0.0.1.evil.example", "192.168.1.7"),
        *("10.0.0.1:{port}", "[2001:db8::1]", "0.0.0.0", "[::]", "localhost@evil.example", "evil.example#localhost"),
        *(
            "localhost, evil.example",
            "",
            "localhost:",
            "localhost:x",
            "[localhost]",
            "xn--lclhost-9bb",
            "127.1.evil",
        ),
    ],
)
def test_a_foreign_name_is_refused_everywhere(http: httpx.Client, host: str) -> None:
    host = host.format(port=http.base_url.port)
    for path in PATHS:
        for method in ("GET", "POST", "OPTIONS"):
            answer = http.request(method, path, headers={"host": host}, json={} if method == "POST" else None)
            assert (answer.status_code, answer.json()["code"]) == (421, "misdirected_request"), (method, path)
            assert "evil" not in answer.text


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:{port}", "localhost.", "127.0.0.1", "127.0.0.1:{port}", "127.9.9.9", "[::1]:1", "[::1]"],
)
def test_names_of_this_machine_are_taken(http: httpx.Client, host: str) -> None:
    assert get(http, host.format(port=http.base_url.port)).status_code == 200


def test_the_public_name_is_taken_and_is_in_every_link(served: Callable[..., str]) -> None:
    with client_of(served(public_url="https://Chat.example.org/")) as http:
        for host, status in (("chat.example.org", 200), ("chat.example.org:443", 200), ("example.org", 421)):
            assert get(http, host).status_code == status
        for host in ("chat.example.org", "localhost"):
            body = http.post("/auth/v1/device/code", headers={"host": host}).json()
            assert body["verification_uri"] == "https://Chat.example.org/device"


def test_no_link_repeats_the_host_of_the_request(http: httpx.Client) -> None:
    body = http.post("/auth/v1/device/code", headers={"host": "localhost:1"}).json()
    assert body["verification_uri"] == f"{str(http.base_url).rstrip('/')}/device"
    assert body["verification_uri_complete"].startswith(body["verification_uri"])


def test_probes_and_scrapes_need_no_name(served: Callable[..., str]) -> None:
    with client_of(served(metrics_token="a token of metrics")) as http:
        for path in ("/healthz", "/readyz"):
            assert get(http, "10.0.0.1:8787", path).status_code == 200
        assert get(http, "10.0.0.1:8787", "/metrics", authorization="Bearer a token of metrics").status_code == 200
        assert get(http, "10.0.0.1:8787", "/metrics").status_code == 421


def _raw(address: str, head: bytes) -> bytes:
    where = urlsplit(address)
    with socket.create_connection((where.hostname, where.port), timeout=20) as connection:
        connection.sendall(head)
        result = b""
        while piece := connection.recv(65536):
            result += piece
    return result


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /api/models HTTP/1.0\r\n\r\n", b"200"),
        (b"GET /api/models HTTP/1.1\r\nConnection: close\r\n\r\n", b"421"),
        (b"GET /api/models HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", b"421"),
        (b"GET http://localhost/api/models HTTP/1.1\r\nConnection: close\r\nHost: evil.example\r\n\r\n", b"421"),
    ],
)
def test_a_request_names_one_host(address: str, head: bytes, status: bytes) -> None:
    assert _raw(address, head).split(b" ")[1] == status


def test_a_sign_in_does_not_help_a_foreign_name(ada: Person) -> None:
    assert get(ada.http, "evil.example", "/api/user/data").status_code == 421
    assert get(ada.http, "localhost", "/api/user/data").status_code == 200
