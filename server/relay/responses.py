"""Replies of a model, whole or streamed.

See docs/specification/endpoints.md#chat and docs/specification/endpoints.md#chat-stream.

Text of a model cannot be mistaken for a marker: an invisible word joiner is inserted into a marker's name in the text,
and JSON escapes its first underscore. The ``response`` of the final line has the exact text.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Iterator
from typing import Any

from pydantic import BaseModel

from sterna.providers import Delta, Done, Event, Failed, Reasoning, Reclassified, Usage

REASONING, FINAL = "__REASONING_CHUNK__", "__FINAL_METADATA__"
MARKERS = (REASONING, "__ANNOTATIONS_CHUNK__", "__IMAGE_DELTA_CHUNK__", "__METADATA__", FINAL)
JOINER = "\u2060"
MAX_REPLY = 4 * 1024 * 1024
"""Characters of a reply, which is stored until its end because the final line repeats it."""


class TokenCounts(BaseModel):
    """Token counts of the model service; zeros if it reports none."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


class ChatResponse(BaseModel):
    """A reply."""

    response: str
    usage: TokenCounts
    request_id: str | None = None
    timestamp: str
    elapsed_ms: int
    contentType: str = "markdown"  # noqa: N815
    id: str
    model: str
    annotations: list[dict[str, Any]] = []
    has_websearch: bool = False
    websearch_result_count: int = 0
    reasoning: str | None = None
    finish_reason: str | None = None
    """Reason of an unusual end: ``length``, ``content_filter``, ``tool_calls`` or the service's own term."""


class PartialReply:
    """A reply while it arrives."""

    def __init__(self, model: str, *, with_reasoning: bool) -> None:
        self.began = time.monotonic()
        self.model = model
        self.id = ""
        self.with_reasoning = with_reasoning
        self.text_chunks: list[str] = []
        self.reasoning_chunks: list[str] = []
        self.usage = TokenCounts()
        self.failure: Failed | None = None
        self.is_done = False
        self.finish_reason: str | None = None
        self._length = 0

    def add(self, event: Event) -> bool:
        """Add an event; return False when the reply has failed or is too long."""
        match event:
            case Delta(text):
                self.text_chunks.append(text)
                self._length += len(text)
            case Reasoning(text) if self.with_reasoning:
                self.reasoning_chunks.append(text)
                self._length += len(text)
            case Usage():
                self.usage = TokenCounts(
                    prompt_tokens=event.input_tokens,
                    completion_tokens=event.output_tokens,
                    total_tokens=event.total_tokens,
                )
            case Done():
                self.is_done = True
                self.id = event.completion_id or ""
                self.model = event.model or self.model
                self.finish_reason = event.finish_reason[:60] if event.finish_reason != "stop" else None
            case Failed():
                self.failure = event
        return self._length <= MAX_REPLY and not self.failure

    def move(self, moved: Reclassified) -> None:
        """Turn all text so far into reasoning, or back. A stream cannot do so with text that it has sent."""
        if moved.to == "reasoning":
            self.reasoning_chunks, self.text_chunks = (
                [*self.reasoning_chunks, *self.text_chunks] if self.with_reasoning else [],
                [],
            )
        else:
            self.text_chunks, self.reasoning_chunks = [*self.text_chunks, *self.reasoning_chunks], []

    def response(self, timestamp: str, request_id: str | None) -> ChatResponse:
        """Return the reply."""
        return ChatResponse(
            response="".join(self.text_chunks),
            usage=self.usage,
            request_id=request_id,
            timestamp=timestamp,
            elapsed_ms=int((time.monotonic() - self.began) * 1000),
            id=self.id or f"stream_{int(time.time() * 1000)}",
            model=self.model,
            reasoning="".join(self.reasoning_chunks) or None,
            finish_reason=self.finish_reason,
        )


class StreamWriter:
    """Encoder of the body of a stream."""

    def __init__(self) -> None:
        self._pending = ""
        self._at_start = True

    def text(self, chunk: str, *, last: bool = False) -> str:
        """Return the text that can be sent now, without a possible beginning of a marker's name at its end."""
        ready = self._pending + chunk
        for marker in MARKERS:
            ready = ready.replace(marker, f"_{JOINER}{marker[1:]}")
        pending = 0 if last else max(_marker_prefixes(ready))
        self._pending = ready[len(ready) - pending :]
        ready = ready[: len(ready) - pending]
        if ready:
            self._at_start = ready.endswith("\n")
        return ready

    def marker(self, line: str) -> str:
        """Return a marker line, on a line of its own."""
        before = self.text("", last=True)
        start = "" if self._at_start else "\n"
        self._at_start = True
        return f"{before}{start}{line}\n"


def _marker_prefixes(text: str) -> Iterator[int]:
    """Yield for each marker how many characters of its name end the text."""
    for marker in MARKERS:
        yield next((size for size in range(len(marker) - 1, 0, -1) if text.endswith(marker[:size])), 0)


def marker_json(value: Any) -> str:
    """Return JSON on one line without the name of a marker."""
    line = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for marker in MARKERS:
        line = line.replace(marker, "\\u005f" + marker[1:])
    return line


def event_text(writer: StreamWriter, event: Event, *, with_reasoning: bool) -> str:
    """Return the part of the body for an event."""
    if isinstance(event, Delta):
        return writer.text(event.text)
    if isinstance(event, Reasoning) and with_reasoning:
        return writer.marker(REASONING + marker_json({"type": "reasoning", "data": event.text}))
    return ""


def final_text(writer: StreamWriter, reply: ChatResponse) -> str:
    """Return the end of a complete stream: an empty line, and the whole reply."""
    line = marker_json(reply.model_dump(exclude_none=True))
    return writer.marker("") + f'{{"{FINAL}":{line}}}\n'


async def collect(events: AsyncGenerator[Event, None], reply: PartialReply) -> None:
    """Add all events to a reply."""
    async for event in events:
        if isinstance(event, Reclassified):
            reply.move(event)
        if not reply.add(event):
            return
