"""Bodies of any length and encoding never take more memory than their limit."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing

import httpx
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from sterna.net import TooLarge, Unreadable, iter_body, parse_json, read_body, read_start
from sterna.net.decompression import Decompressor
from sterna.net.sse import EventReader

TEXT = "Küstenseeschwalbe 🐦 ".encode() * 500
BOMB = 48 * 1024 * 1024
MOST = 2 * 1024 * 1024


class Sent(httpx.AsyncByteStream):
    """Body that arrives in these pieces."""

    def __init__(self, sent: Iterator[bytes]) -> None:
        self._sent = sent

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._sent:
            yield piece


def response(encoding: str, *sent: bytes) -> httpx.Response:
    return httpx.Response(200, headers={"content-encoding": encoding} if encoding else {}, stream=Sent(iter(sent)))


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKED = {
    "": TEXT,
    "identity": TEXT,
    "gzip": gzip.compress(TEXT),
    "x-gzip": gzip.compress(TEXT[:5000]) + gzip.compress(TEXT[5000:]),
    "deflate": zlib.compress(TEXT),
    "Deflate": raw_deflate(TEXT),
    "zstd": zstandard.compress(TEXT),
    "identity, gzip": gzip.compress(TEXT),
}


@pytest.mark.parametrize("encoding", PACKED)
@pytest.mark.parametrize("size", [1, 7, 1_000_000])
async def test_a_packed_body_is_read_in_whatever_pieces_it_comes(encoding: str, size: int) -> None:
    packed = PACKED[encoding]
    sent = [packed[at : at + size] for at in range(0, len(packed), size)]
    assert await read_body(response(encoding, *sent), MOST) == TEXT


def repeated(packer: object, size: int = BOMB) -> bytes:
    """Return ``size`` bytes, compressed."""
    block = b"data: x\n" * 131_072
    return b"".join(packer.compress(block) for _ in range(size // len(block))) + packer.flush()  # type: ignore[attr-defined]


async def events(answer: httpx.Response) -> None:
    """Read an answer as a stream of events."""
    reader = EventReader(MOST)
    async with aclosing(iter_body(answer, BOMB)) as body:
        async for piece in body:
            for _ in reader.feed(piece):
                pass


BOMBS = {
    "gzip": lambda: repeated(zlib.compressobj(9, zlib.DEFLATED, 31)),
    "deflate": lambda: repeated(zlib.compressobj(9)),
    "zstd": lambda: repeated(zstandard.ZstdCompressor().compressobj()),
}


@pytest.mark.parametrize("encoding", BOMBS)
async def test_a_bomb_is_given_up_at_the_limit_and_never_unpacked(encoding: str) -> None:
    bomb = BOMBS[encoding]()
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            await read_body(response(encoding, bomb), MOST)
        assert len(await read_start(response(encoding, bomb), 1000)) == 1000
        with pytest.raises(TooLarge):
            await events(response(encoding, bomb))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * MOST


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "compress", "gzip, br", "x"])
async def test_a_packing_that_was_not_asked_for_is_not_read(encoding: str) -> None:
    with pytest.raises(Unreadable):
        await read_body(response(encoding, b"x"), MOST)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
async def test_half_of_a_packed_body_is_no_body(encoding: str) -> None:
    packed = PACKED[encoding]
    for broken in (packed[: len(packed) // 2], b"\x28" * 40, packed[:1]):
        with pytest.raises(Unreadable):
            await read_body(response(encoding, broken), MOST)


async def test_an_empty_body_is_empty_whatever_its_header_says() -> None:
    for encoding in ("gzip", "zstd", "deflate", ""):
        assert await read_body(response(encoding), MOST) == b""


async def test_a_length_beyond_the_limit_is_refused_before_anything_is_read() -> None:
    def never() -> Iterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    answer = httpx.Response(200, headers={"content-length": str(MOST + 1)}, stream=Sent(never()))
    with pytest.raises(TooLarge):
        await read_body(answer, MOST)


async def test_the_beginning_is_what_came_though_the_rest_is_broken() -> None:
    packed = PACKED["gzip"]
    assert TEXT.startswith(await read_start(response("gzip", packed[: len(packed) - 9]), 400))
    assert await read_start(response("br", b"x"), 400) == b""


@given(st.binary(max_size=3000), st.integers(1, 50), st.sampled_from(["gzip", "deflate", "zstd"]))
def test_any_body_in_any_pieces_comes_out_as_it_went_in(data: bytes, size: int, encoding: str) -> None:
    packed = {"gzip": gzip.compress, "deflate": raw_deflate, "zstd": zstandard.compress}[encoding](data)
    decompressor = Decompressor(encoding)
    sent = [packed[at : at + size] for at in range(0, len(packed), size)]
    assert b"".join(piece for item in sent for piece in decompressor.feed(item)) == data
    decompressor.finish()


@pytest.mark.parametrize("text", ["[" * 100_000, "[" + "[]," * 1_100_000 + "[]]", "{", "", "nul"])
def test_json_that_would_become_too_much_is_refused(text: str) -> None:
    for form in (text, text.encode()):
        with pytest.raises(ValueError, match=r".+"):
            parse_json(form)


def test_other_json_is_read() -> None:
    assert parse_json('{"a": [1, "b,c"]}') == parse_json(b'{"a": [1, "b,c"]}') == {"a": [1, "b,c"]}
