"""The answer of a model, whole or as it comes.

See docs/specification/endpoints.md#chat and docs/specification/endpoints.md#chat-stream.

Text of a model cannot pass for one of our markers: an invisible word joiner is put into a marker's name where the
text has it, and JSON says its first underscore as an escape. The final line's ``response`` has the exact text.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Iterator
from typing import Any

from pydantic import BaseModel

from sterna.providers import Delta, Done, Event, Failed, Moved, Reasoning, Usage

REASONING, FINAL = "__REASONING_CHUNK__", "__FINAL_METADATA__"
MARKERS = (REASONING, "__ANNOTATIONS_CHUNK__", "__IMAGE_DELTA_CHUNK__", "__METADATA__", FINAL)
JOINER = "\u2060"
LONGEST_REPLY = 4 * 1024 * 1024
"""Characters. The final line repeats the reply, so it is kept until the end."""


class TokenCounts(BaseModel):
    """As the model service reports them; zeros when it does not."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


class ChatResponse(BaseModel):
    """One answer."""

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
    """Why it ended, where not by itself: ``length``, ``content_filter``, ``tool_calls`` or the service's own word."""


class Gathered:
    """What came so far."""

    def __init__(self, model: str, *, with_reasoning: bool) -> None:
        self.began = time.monotonic()
        self.model = model
        self.id = ""
        self.with_reasoning = with_reasoning
        self.pieces: list[str] = []
        self.thoughts: list[str] = []
        self.usage = TokenCounts()
        self.failure: Failed | None = None
        self.is_done = False
        self.finish_reason: str | None = None
        self._length = 0

    def take(self, event: Event) -> bool:
        """Keep an event; False when no more may come."""
        match event:
            case Delta(text):
                self.pieces.append(text)
                self._length += len(text)
            case Reasoning(text) if self.with_reasoning:
                self.thoughts.append(text)
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
        return self._length <= LONGEST_REPLY and not self.failure

    def move(self, moved: Moved) -> None:
        """Make all text so far reasoning, or the answer. A stream cannot: what it has sent is sent."""
        if moved.to == "reasoning":
            self.thoughts, self.pieces = [*self.thoughts, *self.pieces] if self.with_reasoning else [], []
        else:
            self.pieces, self.thoughts = [*self.pieces, *self.thoughts], []

    def answer(self, timestamp: str, request_id: str | None) -> ChatResponse:
        """All of it."""
        return ChatResponse(
            response="".join(self.pieces),
            usage=self.usage,
            request_id=request_id,
            timestamp=timestamp,
            elapsed_ms=int((time.monotonic() - self.began) * 1000),
            id=self.id or f"stream_{int(time.time() * 1000)}",
            model=self.model,
            reasoning="".join(self.thoughts) or None,
            finish_reason=self.finish_reason,
        )


class Lines:
    """The body of a stream, piece by piece."""

    def __init__(self) -> None:
        self._held = ""
        self._at_start = True

    def text(self, piece: str, *, last: bool = False) -> str:
        """What may be sent now; the beginning of what may become a marker's name waits."""
        ready = self._held + piece
        for marker in MARKERS:
            ready = ready.replace(marker, f"_{JOINER}{marker[1:]}")
        wait = 0 if last else max(_begun(ready))
        self._held = ready[len(ready) - wait :]
        ready = ready[: len(ready) - wait]
        if ready:
            self._at_start = ready.endswith("\n")
        return ready

    def marker(self, line: str) -> str:
        """A line of ours, on a line of its own."""
        before = self.text("", last=True)
        start = "" if self._at_start else "\n"
        self._at_start = True
        return f"{before}{start}{line}\n"


def _begun(text: str) -> Iterator[int]:
    for marker in MARKERS:
        yield next((size for size in range(len(marker) - 1, 0, -1) if text.endswith(marker[:size])), 0)


def told(value: Any) -> str:
    """JSON in one line that holds no marker's name."""
    line = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for marker in MARKERS:
        line = line.replace(marker, "\\u005f" + marker[1:])
    return line


def piece(lines: Lines, event: Event, *, with_reasoning: bool) -> str:
    """What one event adds to the body."""
    if isinstance(event, Delta):
        return lines.text(event.text)
    if isinstance(event, Reasoning) and with_reasoning:
        return lines.marker(REASONING + told({"type": "reasoning", "data": event.text}))
    return ""


def final(lines: Lines, answer: ChatResponse) -> str:
    """The end of a whole stream: an empty line, and everything once more."""
    line = told(answer.model_dump(exclude_none=True))
    return lines.marker("") + f'{{"{FINAL}":{line}}}\n'


async def gather(events: AsyncGenerator[Event, None], gathered: Gathered) -> None:
    """Take all events."""
    async for event in events:
        if isinstance(event, Moved):
            gathered.move(event)
        if not gathered.take(event):
            return
