"""Classification of network errors."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from pathlib import Path

import httpx
import pytest

from sterna.net import NetworkError, classify, request_errors


def raised_from(error: Exception, *causes: Exception) -> Exception:
    """Return ``error`` as if each cause had led to the one before it."""
    above: BaseException = error
    for cause in causes:
        above.__cause__ = cause
        above = cause
    return error


CERTIFICATE = ssl.SSLCertVerificationError("certificate verify failed")
CERTIFICATE.verify_message = "certificate has expired"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (raised_from(httpx.ConnectError("x"), CERTIFICATE), "certificate"),
        (raised_from(httpx.ConnectError("x"), OSError("x"), ssl.SSLError("wrong version number")), "tls"),
        (raised_from(httpx.ConnectError("x"), socket.gaierror(-2, "x")), "name"),
        (raised_from(httpx.ConnectError("x"), ConnectionRefusedError()), "refused"),
        (raised_from(httpx.ConnectError("x"), OSError(errno.ECONNREFUSED, "x")), "refused"),
        (raised_from(httpx.ConnectError("x"), ExceptionGroup("", [ConnectionRefusedError()])), "refused"),
        (httpx.ConnectTimeout("x"), "timeout"),
        (httpx.ReadTimeout("x"), "timeout"),
        (TimeoutError(), "timeout"),
        (httpx.RemoteProtocolError("x"), "protocol"),
        (httpx.DecodingError("x"), "protocol"),
        (httpx.ReadError("x"), "unreachable"),
        (OSError("x"), "unreachable"),
    ],
)
def test_an_error_is_classified_by_its_causes(error: Exception, kind: str) -> None:
    assert classify(error).kind == kind
    assert isinstance(error, request_errors())


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (raised_from(httpx.ConnectError("x"), socket.gaierror(-2, "x")), NetworkError("proxy_name")),
        (raised_from(httpx.ConnectError("x"), ConnectionRefusedError()), NetworkError("proxy_refused")),
        (httpx.ConnectTimeout("x"), NetworkError("proxy_timeout")),
        (httpx.ProxyError("502 Bad Gateway"), NetworkError("proxy", "502 Bad Gateway")),
        (httpx.ReadTimeout("x"), NetworkError("timeout")),
        (raised_from(httpx.ConnectError("x"), CERTIFICATE), NetworkError("certificate", "certificate has expired")),
    ],
)
def test_a_failure_on_the_way_to_a_proxy_is_the_proxys(error: Exception, expected: NetworkError) -> None:
    assert classify(error, proxied=True) == expected


async def test_a_secure_connection_that_is_silent_is_a_timeout() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(__file__).parent.parent / "providers" / "self_signed.pem")
    over = asyncio.Event()

    async def stay_silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    async with await asyncio.start_server(stay_silent, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        async with httpx.AsyncClient(verify=False, timeout=httpx.Timeout(20, read=0.05), trust_env=False) as client:
            with pytest.raises(httpx.ReadTimeout) as error:
                await client.get(f"https://127.0.0.1:{port}/")
        over.set()
    assert classify(error.value) == NetworkError("timeout")


def test_a_circle_of_causes_ends() -> None:
    error, cause = httpx.ReadError("x"), OSError("y")
    error.__cause__, cause.__cause__ = cause, error
    assert classify(error).kind == "unreachable"
