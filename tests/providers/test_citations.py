"""Sources of replies in the shapes of the vendors, and the places of the text that they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from sterna.providers import ChatMessage, Citation, Citations, Delta, Request
from sterna.providers.options import Options
from sterna.providers.protocols import protocol_named
from sterna.providers.quirks import Quirks
from sterna.providers.reply_parser import ReplyParser

A, B = "https://a.example/terns", "https://b.example/gulls"
Payloads = list[dict[str, Any]]


def parsed(protocol: str, payloads: Payloads, *, whole: bool = False) -> tuple[str, tuple[Citation, ...]]:
    """Return text and sources of a reply."""
    translator, parser = protocol_named(protocol).translator(), ReplyParser()
    events: list[object] = []
    for payload in payloads:
        chunks = [translator.whole(payload)] if whole else list(translator.chunks(payload))
        for chunk in chunks:
            assert chunk is not None
            events += parser.feed(chunk)
    events += parser.finish()
    text = "".join(event.text for event in events if isinstance(event, Delta))
    return text, next((event.sources for event in events if isinstance(event, Citations)), ())


def delta(message: Mapping[str, Any]) -> dict[str, Any]:
    return {"choices": [{"delta": message}]}


def location(url: str, title: str = "") -> dict[str, Any]:
    return {"type": "web_search_result_location", "url": url, "title": title, "cited_text": "…"}


def block(index: int, text: str, *citations: dict[str, Any]) -> Payloads:
    start = {"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}}
    pieces = [{"type": "citations_delta", "citation": each} for each in citations]
    pieces += [{"type": "text_delta", "text": text}]
    deltas = [{"type": "content_block_delta", "index": index, "delta": piece} for piece in pieces]
    return [start, *deltas, {"type": "content_block_stop", "index": index}]


ANTHROPIC = [*block(0, "Täglich. "), *block(1, "Terns dive.", location(A, "Terns")), *block(2, " So do gulls."),
             *block(3, " Both.", location(B), location(A))]  # fmt: skip
BLOCKS = [{"type": "text", "text": "Yes. "}, {"type": "text", "text": "Terns dive.", "citations": [location(A, "T")]}]
GROUNDED = {
    "groundingChunks": [{"web": {"uri": A, "title": "a.example"}}, {"web": {"uri": B}}, {"retrievedContext": {}}],
    "groundingSupports": [
        {"segment": {"endIndex": 12, "text": "Täglich x."}, "groundingChunkIndices": [0]},
        {"segment": {"startIndex": 13, "endIndex": 99, "text": "Gulls too."}, "groundingChunkIndices": [0, 1]},
        {"segment": {"endIndex": 3, "text": "not there"}, "groundingChunkIndices": [1]},
    ],
}
GEMINI: Payloads = [
    {"candidates": [{"content": {"parts": [{"text": "Täglich x."}]}}]},
    {"candidates": [{"content": {"parts": [{"text": " Gulls too."}]}, "groundingMetadata": GROUNDED}]},
]


@pytest.mark.parametrize(
    ("protocol", "payloads", "text", "sources"),
    [
        ("anthropic", ANTHROPIC, "Täglich. Terns dive. So do gulls. Both.",
         (Citation(A, "Terns", (20, 39)), Citation(B, "", (39,)))),
        ("gemini", GEMINI, "Täglich x. Gulls too.", (Citation(A, "a.example", (10, 21)), Citation(B, "", (21,)))),
        ("openai", [delta({"content": "Terns dive. Yes."}), delta({"annotations": [
            {"type": "url_citation", "url_citation": {"url": A, "title": "T", "start_index": 0, "end_index": 11}}]})],
         "Terns dive. Yes.", (Citation(A, "T", (11,)),)),
        ("openrouter", [delta({"content": f"Terns [a]({A})."}), delta({"annotations": [
            {"url_citation": {"url": A, "start_index": 6, "end_index": 35}},
            {"url_citation": {"url": B, "start_index": 900, "end_index": 1_000}}]})],
         f"Terns [a]({A}).", (Citation(A), Citation(B))),
        ("openai", [{"citations": [A, B], **delta({"content": "Terns dive[1]."})},
                    {"search_results": [{"url": A, "title": "Terns"}], "choices": []}],
         "Terns dive[1].", (Citation(A, "Terns"), Citation(B))),
        ("openai-responses", [
            {"type": "response.output_text.delta", "delta": "Terns dive."},
            {"type": "response.output_text.annotation.added",
             "annotation": {"type": "url_citation", "url": A, "title": "T", "start_index": 0, "end_index": 11}}],
         "Terns dive.", (Citation(A, "T", (11,)),)),
        ("anthropic", block(0, "x", location("javascript:alert(1)"), {"type": "char_location"}), "x", ()),
    ],
)  # fmt: skip
def test_sources_are_read_with_the_places_that_the_vendor_states(
    protocol: str, payloads: Payloads, text: str, sources: tuple[Citation, ...]
) -> None:
    assert parsed(protocol, payloads) == (text, sources)


def test_a_reply_that_was_not_streamed_has_them_too() -> None:
    assert parsed("anthropic", [{"content": BLOCKS}], whole=True) == ("Yes. Terns dive.", (Citation(A, "T", (16,)),))


@pytest.mark.parametrize("odd", [None, 5, [], {}, "x", [5, {"url": 7}, {"url": A, "place": "x", "supports": [1, {}]}]])
def test_odd_annotations_are_taken_for_what_they_are(odd: object) -> None:
    text, sources = parsed("openai", [delta({"content": "Hi"}), delta({"annotations": odd})])
    assert (text, all(source.places == () for source in sources)) == ("Hi", True)


def test_openrouter_searches_the_web_where_that_is_asked_for() -> None:
    request = Request("m", (ChatMessage("user", "Hi"),), parameters={"web_search": True})
    body = protocol_named("", "openrouter.ai").body(request, Options(), Quirks())
    assert (body["plugins"], "web_search" in body) == ([{"id": "web"}], False)
    body = protocol_named("openrouter").body(request._replace(parameters={"web_search": False}), Options(), Quirks())
    assert not {"plugins", "web_search"} & body.keys()
