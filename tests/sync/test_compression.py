"""Bodies of pushes: smaller, the same each time, and back to what they were."""

from __future__ import annotations

import gzip

import pytest
import zstandard

from sterna.sync.protocol.compression import compressed, content_encoding

BODY = '{"sync": "Ümlaut, 漢字, 🐦"}'.encode() * 50


@pytest.mark.parametrize("caps", [(), ("gzip",), ("delta", "seen")])
def test_a_server_gets_gzip_unless_it_knows_better(caps: tuple[str, ...]) -> None:
    body = compressed(BODY, caps)
    assert content_encoding(body) == "gzip"
    assert gzip.decompress(body) == BODY
    assert len(body) < len(BODY) / 10


def test_a_server_that_knows_zstd_gets_that() -> None:
    body = compressed(BODY, ("gzip", "zstd"))
    assert content_encoding(body) == "zstd"
    assert zstandard.ZstdDecompressor().decompress(body) == BODY


@pytest.mark.parametrize("caps", [(), ("zstd",)])
def test_a_body_is_packed_into_the_same_bytes_whenever_it_is(caps: tuple[str, ...]) -> None:
    assert compressed(BODY, caps) == compressed(BODY, caps)
