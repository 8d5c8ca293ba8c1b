"""One reply while it arrives: the text in memory, from which the screen and the saver each read at their own pace."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sterna.storage import Finish, Message, Settled

WORTH_SAVING = 2048
"""Characters that are not left unsaved for longer than it takes to write them."""
SHARE = 16
"""Of a long reply so many parts: each save writes all of it, so a fast megabyte is not written five hundred times."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a reply ended, and what only its end tells."""

    finish: Finish
    error_message: str | None = None
    model: str | None = None
    """The model that really answered, when the provider says so."""
    completion_id: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


class Reply:
    """A reply that is arriving, or has just arrived. Only :class:`chat.Turns` changes it.

    Text is gathered here without a limit on its readers: neither a slow screen nor a slow disk holds up the network or
    the other. A screen draws when :attr:`version` has changed since it last drew.
    """

    def __init__(self, reply_id: str, session_id: str, user_message_id: str, model: str | None, started: float) -> None:
        self.id = reply_id
        """The id that its message has, or will have."""
        self.session_id = session_id
        self.user_message_id = user_message_id
        self.model = model
        """What was asked, ``endpoint/model``."""
        self.started = started
        """On the monotonic clock."""
        self.version = 0
        """Grows with every piece of text."""
        self.is_certain = True
        """False while a tag may still come that makes :attr:`content` so far reasoning."""
        self.moves = 0
        """How often text that had come already turned out to be of the other kind; until then it only grows."""
        self.message: Message | None = None
        """The settled message, once it is kept. None for good when it was deleted, with its conversation, meanwhile."""
        self.running = True
        """False once it is settled, or given up."""
        self.problem: str | None = None
        """Why text is not being kept at this moment, a sentence. None again once it is kept."""
        self.saved = 0
        """Characters of :attr:`content` that are on disk while it arrives."""
        self.input_tokens = self.output_tokens = self.total_tokens = 0
        """As reported; never estimated."""
        self.ending: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self.enough = asyncio.Event()
        """Set while more is unsaved than should wait for the clock."""
        self.details: dict[str, Any] = {}
        """What goes with the message: its cost, its sources, what was left out of the request."""
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._unsaved = self._length = 0
        self._moved = asyncio.Event()

    @property
    def content(self) -> str:
        """What has come so far."""
        return _joined(self._content)

    @property
    def reasoning(self) -> str:
        """The model's reasoning so far."""
        return _joined(self._reasoning)

    @property
    def finish(self) -> Finish | None:
        """How it ended; None while text may still come. It may have ended and not be settled yet."""
        return self.ending.result().finish if self.ending.done() else None

    async def changed(self, since: int) -> None:
        """Return when there is text newer than version ``since``, or the reply is settled."""
        while self.version == since and self.running:
            self._moved.clear()
            await self._moved.wait()

    def add(self, text: str, *, reasoning: bool = False, settled: bool = True) -> None:
        """Take the next piece. What comes after the end is not part of the reply."""
        if not text or self.ending.done():
            return
        (self._reasoning if reasoning else self._content).append(text)
        self.is_certain = settled or bool(self._reasoning)
        self.version += 1
        self._unsaved += len(text)
        self._length += len(text)
        if self._unsaved >= max(WORTH_SAVING, self._length // SHARE):
            self.enough.set()
        self._moved.set()

    def move(self, to: Literal["reasoning", "content"]) -> None:
        """Make all that came so far reasoning, or the answer. What comes after the end is not part of the reply."""
        if self.ending.done():
            return
        source, target = (self._content, self._reasoning) if to == "reasoning" else (self._reasoning, self._content)
        target += source
        source.clear()
        self.is_certain = True
        self.moves += 1
        self.version += 1
        self._moved.set()

    def taken(self) -> tuple[str, str]:
        """Content and reasoning for the saver, who counts anew from here."""
        self._unsaved = 0
        self.enough.clear()
        return self.content, self.reasoning

    def not_saved(self, reason: str) -> str:
        """Return why text is not being kept, with what is on disk already."""
        so_far = f"{self.saved:,} characters of the reply" if self.saved else "nothing of the reply yet"
        return f"{reason} Saved so far: your question, {so_far}."

    def end(self, ending: Ending) -> bool:
        """Freeze the text. Only the first end counts; False for any later one."""
        if self.ending.done():
            return False
        self.ending.set_result(ending)
        return True

    def stop(self, finish: Finish = "stopped") -> bool:
        """End it here and keep what came. False when it has ended already.

        ``interrupted`` says that nobody wanted the end: the machine goes down, the terminal is closed.
        """
        return self.end(Ending(finish))

    def close(self) -> None:
        """Nothing more happens to it: it is kept, or deleted, or :attr:`problem` says why not."""
        self.running = False
        self._moved.set()

    def settled(self, elapsed_ms: int) -> Settled:
        """Everything the store needs to make it a message."""
        ending = self.ending.result()
        model, metadata = self.model, {**self.details, **ending.metadata}
        if model is not None and model.endswith("/"):  # asked for whatever the endpoint has
            model = f"{model}{ending.model}" if ending.model else model.rstrip("/")
        elif model is not None and ending.model and ending.model not in (model, model.partition("/")[2]):
            metadata["answered_by"] = ending.model
        return Settled(
            finish=ending.finish,
            content=self.content,
            reasoning=self.reasoning,
            model=model,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            total_tokens=self.total_tokens,
            elapsed_ms=elapsed_ms,
            completion_id=ending.completion_id,
            error_message=ending.error_message,
            metadata=metadata,
        )


def _joined(pieces: list[str]) -> str:
    """The text; the pieces become one, so that asking often costs what asking once does."""
    if len(pieces) > 1:
        pieces[:] = ["".join(pieces)]
    return pieces[0] if pieces else ""
