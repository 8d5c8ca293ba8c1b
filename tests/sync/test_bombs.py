"""A sign-in or sync server that packs a lot into little is given up; it never fills the memory."""

from __future__ import annotations

import tracemalloc
import zlib
from collections.abc import Callable

import pytest
import zstandard

from sterna.sync.auth.gotrue import SignInServer
from sterna.sync.errors import CannotReach, SignInError
from sterna.sync.network.server_address import server_of
from sterna.sync.network.transport import Transport
from sterna.sync.protocol.effects import Request, Unreachable
from tests.providers.raw_server import answer, serving

SIZE = 24 * 1024 * 1024
PEAK = 6 * 1024 * 1024


def gzip() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(b"x" * 65536) for _ in range(SIZE // 65536)) + packer.flush()


def zstd() -> bytes:
    packer = zstandard.ZstdCompressor().compressobj()
    return b"".join(packer.compress(b"x" * 65536) for _ in range(SIZE // 65536)) + packer.flush()


class Anybody:
    """A sign-in of the test's own."""

    async def headers(self) -> dict[str, str]:
        return {}

    async def renewed(self) -> dict[str, str]:
        return {}

    async def store_cookies(self, set_cookies: object, now: float) -> bool:
        return True


@pytest.mark.parametrize("pack", [gzip, zstd])
@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request"])
async def test_a_bomb_is_given_up(pack: Callable[[], bytes], status: str) -> None:
    kind = ("Content-Type: application/json", f"Content-Encoding: {pack.__name__}")
    async with serving(answer(status, pack(), *kind)) as server:
        origin = server_of(server.url.removesuffix("/v1"))
        transport = Transport(origin, Anybody(), largest=1024 * 1024)
        tracemalloc.start()
        try:
            with pytest.raises(SignInError):
                await SignInServer(origin).password("ada@example.org", "a password")
            with pytest.raises(Unreachable):
                await transport.send(Request("GET", "/api/chat/sync"))
            assert tracemalloc.get_traced_memory()[1] < PEAK
        finally:
            tracemalloc.stop()
        await transport.close()
    assert issubclass(CannotReach, SignInError)
