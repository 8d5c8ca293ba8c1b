"""A stream yields the same events however it is split, and never more than one is in memory."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sterna.net import TooLarge
from sterna.net.sse import Event, EventReader


def read(pieces: list[bytes], longest: int = 1000) -> list[Event]:
    reader = EventReader(longest)
    return [event for piece in pieces for event in reader.feed(piece)] + list(reader.finish())


STREAMS = (
    (b"data: a\n\ndata: b\n\n", [Event("", "a"), Event("", "b")]),
    (b"\xef\xbb\xbfdata: a\r\n\r\ndata:b\r\rdata:  c\n\n", [Event("", "a"), Event("", "b"), Event("", " c")]),
    (b"event: error\ndata: a\ndata: b\n\ndata: c\n\n", [Event("error", "a\nb"), Event("", "c")]),
    (b": comment\n\nid: 1\nretry: 5\n\ndata\ndata:\n\n", [Event("", "\n")]),
    (b"data: a\n\ndata: b", [Event("", "a"), Event("", "b", whole=False)]),
    (b"data: a\ndata: b\n", [Event("", "a\nb", whole=False)]),
    ("data: Grüße 🐦\n\n".encode(), [Event("", "Grüße 🐦")]),
    (b"data: \xff\n\n", [Event("", "\ufffd")]),
    (b"", []),
)


@pytest.mark.parametrize(("stream", "events"), STREAMS)
def test_a_stream_is_cut_into_its_events(stream: bytes, events: list[Event]) -> None:
    assert read([stream]) == events
    assert read([bytes([byte]) for byte in stream]) == events
    for cut in range(len(stream)):
        assert read([stream[:cut], stream[cut:]]) == events


PARTS = st.sampled_from([b"data: ", b"data:", b"x", b"\n", b"\r", b"\r\n", b":", b"event: e", b"\n\n", "é".encode()])


@given(st.lists(PARTS, max_size=20), st.lists(st.integers(0, 60), max_size=5))
def test_where_a_stream_is_cut_does_not_matter(parts: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(parts)
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    assert read([stream[a:b] for a, b in pairwise(places)]) == read([stream])


@pytest.mark.parametrize("piece", [b"data: " + b"x" * 100, b"data: x\n", b"data:\n", b"x" * 50], ids=repr)
def test_an_event_without_end_is_given_up(piece: bytes) -> None:
    with pytest.raises(TooLarge):
        read([piece] * 1000)


def test_a_stream_of_comments_takes_no_memory() -> None:
    assert read([b": keep-alive\n\n", b": more\n"] * 10_000) == []
