"""Parser of a reply's JSON, streamed or whole, in the formats of the vendors."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeVar

from .citations import SourceCollector
from .events import Citations, Delta, Done, Reasoning, Reclassified, ToolRequest, Usage
from .reasoning import ThinkSplitter
from .tool_requests import ToolRequestCollector
from .usage import is_map, merged, usage

FINISH_REASONS: Mapping[str, str] = {
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "complete": "stop",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
    "safety": "content_filter",
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "spii": "content_filter",
    "refusal": "content_filter",
    "tool_use": "tool_calls",
    "tool_call": "tool_calls",
    "function_call": "tool_calls",
}
"""Finish reasons of the chat API by those of the vendors."""

Piece = Delta | Reasoning | Reclassified | Citations
T = TypeVar("T", Delta, Reasoning)


class ReplyParser:
    """Parser and state of one reply."""

    def __init__(self, *, thinks_first: bool | None = False, offered: Collection[str] = ()) -> None:
        """Create a parser.

        ``thinks_first``: the text begins with reasoning, without a tag; None if not known yet. ``offered``: names of
        the tools of the request.
        """
        self.finish_reason: str | None = None
        self.usage: Usage | None = None
        self.began = False
        """True if any text or reasoning was received."""
        self.has_chunks = False
        """True if any valid chunk was received."""
        self.complete = False
        """True if the server marked the end of the reply."""
        self.answered = False
        """True if any words of the answer itself were received."""
        self.reasoned = False
        self.tools = ToolRequestCollector(offered)
        self.media: list[str] = []
        """Kinds of content other than text that were received: ``image``, ``audio``."""
        self.size = 0
        """Characters received."""
        self.rejection: tuple[int, object] | None = None
        """Status and body of an error response."""
        self.error: Mapping[str, Any] | None = None
        """Error in place of a choice."""
        self._finishes = 0
        self._continued = False
        """True if text followed a finish reason, which then means nothing."""
        self._sources = SourceCollector()
        self._answer: list[str] = []
        self._fed = 0
        """Characters of the answer that were received; some may not be told from reasoning yet."""
        self._completion_id: str | None = None
        self._model: str | None = None
        self._splitter = ThinkSplitter(inside=bool(thinks_first), known=thinks_first is not None)
        self._text, self._thought = _SurrogateJoiner(), _SurrogateJoiner()

    def feed(self, chunk: Mapping[str, Any]) -> Iterator[Piece]:
        """Yield the events of one chunk, or of a whole reply that was not streamed."""
        self.has_chunks = True
        self._completion_id = self._completion_id or _text(chunk.get("id"))
        self._model = _text(chunk.get("model")) or self._model
        groq = chunk.get("x_groq")
        counts = usage(chunk.get("usage")) or usage(groq.get("usage") if is_map(groq) else None)
        choices = chunk.get("choices")
        if counts is None and isinstance(choices, list) and choices and is_map(choices[0]):
            counts = usage(choices[0].get("usage"))
        self.usage = merged(self.usage, counts)
        self._sources.add(chunk, self._fed)
        for choice in choices[:1] if isinstance(choices, list) else ():
            if is_map(choice):
                for event in self._choice(choice):
                    yield self._counted(event)

    def finish(self) -> Iterator[Piece]:
        """Yield the events that were held back, at the end of the stream."""
        for thought in self._thought.finish(Reasoning):
            yield self._counted(thought)
        for delta in self._text.finish(Delta):
            for event in self._splitter.feed(delta.text):
                yield self._counted(event)
        for event in self._splitter.finish():
            yield self._counted(event)
        if sources := self._sources.sources("".join(self._answer)):
            yield Citations(sources)

    def requests(self) -> tuple[ToolRequest, ...]:
        """Return the calls that the model waits for, of tools that were offered; none if it was cut off in them."""
        return () if self.finish_reason in ("length", "content_filter") else self.tools.requests()

    def done(self) -> Done:
        """Return the event for the end of the reply."""
        reason = "tool_calls" if self.requests() else self.finish_reason or "stop"
        return Done(reason, self._completion_id, self._model)

    @property
    def thinks_first(self) -> bool:
        """True if the reasoning ended with a closing tag that was never opened."""
        return self._splitter.thinks_first

    @property
    def is_finished(self) -> bool:
        """True if only token counts can follow, which need not be waited for long.

        A finish reason beside text, or in every chunk, does not count.
        """
        return self._finishes == 1 and not self._continued and (self.began or self.tools.asked)

    def _counted(self, event: Delta | Reasoning | Reclassified) -> Delta | Reasoning | Reclassified:
        if isinstance(event, Reclassified):
            to_content = event.to == "content"
            self.answered, self.reasoned = to_content and self.reasoned, not to_content
            self._answer.clear()
            return event
        self.began = True
        self.size += len(event.text)
        if isinstance(event, Delta):
            self._answer.append(event.text)
        has_words = not event.text.isspace()
        self.answered = self.answered or (has_words and isinstance(event, Delta))
        self.reasoned = self.reasoned or (has_words and isinstance(event, Reasoning))
        return event

    def _choice(self, choice: Mapping[str, Any]) -> Iterator[Delta | Reasoning | Reclassified]:
        has_text, size = False, self.size
        message = next((choice[key] for key in ("delta", "message") if is_map(choice.get(key))), None)
        events = self._message(message) if message is not None else self._content(choice.get("text"))
        for event in events:
            has_text = True
            yield event
        if is_map(choice.get("error")):
            self.error = choice["error"]
        has_text = has_text or self.size > size
        self._continued = self._continued or (has_text and self._finishes > 0)
        reason = _text(choice.get("finish_reason"))
        if reason is not None:
            self.finish_reason = FINISH_REASONS.get(reason.lower(), reason.lower() if reason.isupper() else reason)
            self._finishes += 1
            self._continued = self._continued or has_text

    def _message(self, message: Mapping[str, Any]) -> Iterator[Delta | Reasoning | Reclassified]:
        # OpenRouter sends the same text in two of these fields: only the first with text is used
        fields = (message.get("reasoning"), message.get("reasoning_content"), message.get("reasoning_details"))
        thought = next(filter(None, map(flatten, fields)), "")
        yield from self._thought.feed(thought, Reasoning)
        yield from self._content(message.get("content"))
        yield from self._content(message.get("refusal"))
        self._sources.add(message, self._fed)
        self.size += self.tools.add(message)
        self.media += [kind for kind in ("image", "audio") if message.get(kind) or message.get(f"{kind}s")]

    def _content(self, content: object) -> Iterator[Delta | Reasoning | Reclassified]:
        """Yield the events of text, or of a list of parts, some of which may be reasoning (Mistral)."""
        for part in content if isinstance(content, list) else [content]:
            kind = str(part.get("type", "")) if is_map(part) else ""
            if kind in ("thinking", "reasoning"):
                yield from self._thought.feed(flatten(part), Reasoning)
                continue
            if "image" in kind or "audio" in kind:
                self.media.append("image" if "image" in kind else "audio")
            for piece in self._text.feed(flatten(part), Delta):
                self._fed += len(piece.text)
                yield from self._splitter.feed(piece.text)


class _SurrogateJoiner:
    """Joiner of text in which the two surrogates of a character may arrive in different pieces."""

    def __init__(self) -> None:
        self._half = ""

    def feed(self, text: str, kind: type[T]) -> Iterator[T]:
        if not text:
            return
        text, self._half = self._half + text, ""
        if "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        if text:
            yield kind(_joined(text))

    def finish(self, kind: type[T]) -> Iterator[T]:
        if self._half:
            self._half = ""
            yield kind("\ufffd")


def _joined(text: str) -> str:
    """Return ``text`` with surrogate pairs joined; a lone surrogate becomes U+FFFD."""
    if text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def flatten(value: object, depth: int = 4) -> str:
    """Return the text in a string, a part or a list of parts; "" if there is none."""
    if isinstance(value, str):
        return value
    if depth == 0:
        return ""
    if isinstance(value, list):
        return "".join(flatten(item, depth - 1) for item in value)
    if is_map(value):
        for key in ("text", "summary", "thinking", "content"):
            text = flatten(value.get(key), depth - 1)
            if text:
                return text
    return ""


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
