"""What an endpoint's JSON means: pieces of a stream or one whole answer, in the shapes that vendors send."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from .events import Delta, Done, Reasoning, Usage
from .thinking import ThinkSplitter


class Reading:
    """One reply while it is read."""

    def __init__(self) -> None:
        self.finish_reason: str | None = None
        self.usage: Usage | None = None
        self.began = False
        """Whether any text or reasoning came."""
        self.any = False
        """Whether anything came that could be read."""
        self.complete = False
        """Whether the server said that nothing more comes."""
        self.answered = False
        """Whether any text of the answer itself came."""
        self._completion_id: str | None = None
        self._model: str | None = None
        self._splitter = ThinkSplitter()

    def take(self, chunk: Mapping[str, Any]) -> Iterator[Delta | Reasoning]:
        """Events of one chunk, or of a whole answer that was not streamed."""
        self.any = True
        self._completion_id = self._completion_id or _text(chunk.get("id"))
        self._model = _text(chunk.get("model")) or self._model
        groq = chunk.get("x_groq")
        self.usage = usage(chunk.get("usage")) or usage(groq.get("usage") if _is_map(groq) else None) or self.usage
        choices = chunk.get("choices")
        for choice in choices[:1] if isinstance(choices, list) else ():
            if _is_map(choice):
                for event in self._choice(choice):
                    yield self._seen(event)

    def rest(self) -> Iterator[Delta | Reasoning]:
        """Text that was held back, once no more can come."""
        for event in self._splitter.finish():
            yield self._seen(event)

    def done(self) -> Done:
        """The end of the reply, as told."""
        return Done(self.finish_reason or "stop", self._completion_id, self._model)

    def _seen(self, event: Delta | Reasoning) -> Delta | Reasoning:
        self.began = True
        self.answered = self.answered or isinstance(event, Delta)
        return event

    def _choice(self, choice: Mapping[str, Any]) -> Iterator[Delta | Reasoning]:
        said = next((choice[key] for key in ("delta", "message") if _is_map(choice.get(key))), None)
        if said is not None:
            # OpenRouter sends the same words in two of these fields: the first that has any is taken.
            fields = (said.get("reasoning"), said.get("reasoning_content"), said.get("reasoning_details"))
            thought = next(filter(None, map(flatten, fields)), "")
            if thought:
                yield Reasoning(thought)
            yield from self._content(said.get("content"))
            yield from self._content(said.get("refusal"))
        else:
            yield from self._content(choice.get("text"))
        self.finish_reason = _text(choice.get("finish_reason")) or self.finish_reason

    def _content(self, content: object) -> Iterator[Delta | Reasoning]:
        """Text, or a list of parts of which some are reasoning (Mistral)."""
        for part in content if isinstance(content, list) else [content]:
            if _is_map(part) and part.get("type") in ("thinking", "reasoning"):
                thought = flatten(part)
                if thought:
                    yield Reasoning(thought)
                continue
            text = flatten(part)
            if text:
                yield from self._splitter.feed(text)


def flatten(value: object, depth: int = 4) -> str:
    """The words in a text, a part or a list of parts; "" when there are none."""
    if isinstance(value, str):
        return value
    if depth == 0:
        return ""
    if isinstance(value, list):
        return "".join(flatten(one, depth - 1) for one in value)
    if _is_map(value):
        for key in ("text", "summary", "thinking", "content"):
            words = flatten(value.get(key), depth - 1)
            if words:
                return words
    return ""


def usage(value: object) -> Usage | None:
    """Token counts in the names of the chat API, or of the newer ones."""
    if not _is_map(value):
        return None
    sent = _count(value, "prompt_tokens", "input_tokens")
    came = _count(value, "completion_tokens", "output_tokens")
    if sent is None and came is None:
        return None
    total = _count(value, "total_tokens")
    return Usage(sent or 0, came or 0, total if total is not None else (sent or 0) + (came or 0))


def _count(value: Mapping[str, Any], *names: str) -> int | None:
    found = (value.get(name) for name in names)
    whole = (int(n) for n in found if isinstance(n, (int, float)) and not isinstance(n, bool) and 0 <= n < 2**53)
    return next(whole, None)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _is_map(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)
