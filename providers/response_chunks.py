"""The meaning of an endpoint's JSON: pieces of a stream or one whole answer, in the shapes that vendors send."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from .events import Citation, Citations, Delta, Done, Moved, Reasoning, Usage
from .reasoning import ThinkSplitter
from .usage import citations, is_map, merged, usage

FINISHED: Mapping[str, str] = {
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
"""The vendors' words for an end, by those of the chat API."""

Piece = Delta | Reasoning | Moved | Citations
T = TypeVar("T", Delta, Reasoning)


class Reading:
    """One reply while it is read."""

    def __init__(self, *, thinks_first: bool | None = False) -> None:
        """``thinks_first``: the text of this model begins as reasoning, without a tag; None where that is not known."""
        self.finish_reason: str | None = None
        self.usage: Usage | None = None
        self.began = False
        """Whether any text or reasoning came."""
        self.any = False
        """Whether anything came that could be read."""
        self.complete = False
        """Whether the server said that nothing more comes."""
        self.answered = False
        """Whether any words of the answer itself came."""
        self.reasoned = False
        self.asked_for_tool = False
        self.tools: list[str] = []
        """Names of the tools that the model asked for, as far as it said them."""
        self.media: list[str] = []
        """What came that is no text: ``image``, ``audio``."""
        self.size = 0
        """Characters so far."""
        self.refusal: tuple[int, object] | None = None
        """The status and the body of an error in the place of an answer."""
        self.error: Mapping[str, Any] | None = None
        """An error that came in the place of a choice."""
        self._finishes = 0
        self._goes_on = False
        """Something followed a finish reason: there it says nothing."""
        self._sources: dict[str, Citation] = {}
        self._completion_id: str | None = None
        self._model: str | None = None
        self._splitter = ThinkSplitter(inside=bool(thinks_first), known=thinks_first is not None)
        self._text, self._thought = _Pairs(), _Pairs()

    def take(self, chunk: Mapping[str, Any]) -> Iterator[Piece]:
        """Yield the events of one chunk, or of a whole answer that was not streamed."""
        self.any = True
        self._completion_id = self._completion_id or _text(chunk.get("id"))
        self._model = _text(chunk.get("model")) or self._model
        groq = chunk.get("x_groq")
        counted = usage(chunk.get("usage")) or usage(groq.get("usage") if is_map(groq) else None)
        choices = chunk.get("choices")
        if counted is None and isinstance(choices, list) and choices and is_map(choices[0]):
            counted = usage(choices[0].get("usage"))
        self.usage = merged(self.usage, counted)
        self._cite(chunk)
        for choice in choices[:1] if isinstance(choices, list) else ():
            if is_map(choice):
                for event in self._choice(choice):
                    yield self._seen(event)

    def rest(self) -> Iterator[Piece]:
        """Yield what was held back, once no more can come."""
        for thought in self._thought.finish(Reasoning):
            yield self._seen(thought)
        for held in self._text.finish(Delta):
            for event in self._splitter.feed(held.text):
                yield self._seen(event)
        for event in self._splitter.finish():
            yield self._seen(event)
        if self._sources:
            yield Citations(tuple(self._sources.values()))

    def done(self) -> Done:
        """Return the end of the reply, as the server said it."""
        return Done(self.finish_reason or "stop", self._completion_id, self._model)

    @property
    def thinks_first(self) -> bool:
        """Whether the reasoning ended in a tag that had no beginning."""
        return self._splitter.thinks_first

    @property
    def only_counts_follow(self) -> bool:
        """Whether nothing but token counts can come any more, so that it need not be waited for long.

        A finish reason beside text, or on every chunk, says nothing of the kind.
        """
        return self._finishes == 1 and not self._goes_on and (self.began or self.asked_for_tool)

    def _seen(self, event: Delta | Reasoning | Moved) -> Delta | Reasoning | Moved:
        if isinstance(event, Moved):
            to_answer = event.to == "content"
            self.answered, self.reasoned = to_answer and self.reasoned, not to_answer
            return event
        self.began = True
        self.size += len(event.text)
        has_words = not event.text.isspace()
        self.answered = self.answered or (has_words and isinstance(event, Delta))
        self.reasoned = self.reasoned or (has_words and isinstance(event, Reasoning))
        return event

    def _choice(self, choice: Mapping[str, Any]) -> Iterator[Delta | Reasoning | Moved]:
        came = False
        said = next((choice[key] for key in ("delta", "message") if is_map(choice.get(key))), None)
        events = self._said(said) if said is not None else self._content(choice.get("text"))
        for event in events:
            came = True
            yield event
        if is_map(choice.get("error")):
            self.error = choice["error"]
        self._goes_on = self._goes_on or (came and self._finishes > 0)
        reason = _text(choice.get("finish_reason"))
        if reason is not None:
            self.finish_reason = FINISHED.get(reason.lower(), reason.lower() if reason.isupper() else reason)
            self._finishes += 1
            self._goes_on = self._goes_on or came

    def _said(self, said: Mapping[str, Any]) -> Iterator[Delta | Reasoning | Moved]:
        # OpenRouter sends the same words in two of these fields: the first that has any is taken.
        fields = (said.get("reasoning"), said.get("reasoning_content"), said.get("reasoning_details"))
        thought = next(filter(None, map(flatten, fields)), "")
        yield from self._thought.feed(thought, Reasoning)
        yield from self._content(said.get("content"))
        yield from self._content(said.get("refusal"))
        self._cite(said)
        calls = said.get("tool_calls")
        for call in [*(calls if isinstance(calls, list) else ()), {"function": said.get("function_call")}]:
            function = call.get("function") if is_map(call) else None
            if is_map(function):
                name = _text(function.get("name"))
                if name and name not in self.tools:
                    self.tools.append(name)
                self.asked_for_tool = True
        self.media += [kind for kind in ("image", "audio") if said.get(kind) or said.get(f"{kind}s")]

    def _content(self, content: object) -> Iterator[Delta | Reasoning | Moved]:
        """Yield text, or a list of parts of which some are reasoning (Mistral)."""
        for part in content if isinstance(content, list) else [content]:
            kind = str(part.get("type", "")) if is_map(part) else ""
            if kind in ("thinking", "reasoning"):
                yield from self._thought.feed(flatten(part), Reasoning)
                continue
            if "image" in kind or "audio" in kind:
                self.media.append("image" if "image" in kind else "audio")
            for piece in self._text.feed(flatten(part), Delta):
                yield from self._splitter.feed(piece.text)

    def _cite(self, said: Mapping[str, Any]) -> None:
        for source in citations(said):
            known = self._sources.get(source.url)
            if known is None or (source.title and not known.title):
                self._sources[source.url] = source


class _Pairs:
    """Text of one kind, in which a character outside the basic plane may come as two halves in two pieces."""

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
    """Return ``text`` with halves of characters joined; a half without its other one becomes U+FFFD."""
    if text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def flatten(value: object, depth: int = 4) -> str:
    """Return the words in a text, a part or a list of parts; "" when there are none."""
    if isinstance(value, str):
        return value
    if depth == 0:
        return ""
    if isinstance(value, list):
        return "".join(flatten(one, depth - 1) for one in value)
    if is_map(value):
        for key in ("text", "summary", "thinking", "content"):
            words = flatten(value.get(key), depth - 1)
            if words:
                return words
    return ""


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
