"""Reply while it arrives: text in memory, which the screen and the saver read independently of each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from sterna.providers import Usage, Waiting
from sterna.storage import Finish, Message, Settled
from sterna.storage.conversations.tool_calls import ToolCall, tool_calls

if TYPE_CHECKING:
    from .outages import Outage
    from .tools import ToolAsk

SAVE_THRESHOLD = 2048
"""Unsaved characters from which on a save does not wait for its interval."""
SAVE_FRACTION = 16
"""Fraction of a long reply that may be unsaved: each save writes all of it, so it must not happen too often."""


class Ending(NamedTuple):
    """End of a reply, with the details that are known only then."""

    finish: Finish
    error_message: str | None = None
    model: str | None = None
    """Model that replied, if the provider states it."""
    completion_id: str | None = None
    metadata: Mapping[str, Any] = MappingProxyType({})


class Reply:
    """Reply that is arriving, or has just arrived. Only :class:`chat.Turns` changes it.

    Its readers are independent: neither a slow screen nor a slow disk delays the network or the other. A screen draws
    when :attr:`version` has changed since it last drew.
    """

    def __init__(self, reply_id: str, session_id: str, user_message_id: str, model: str | None, started: float) -> None:
        self.id = reply_id
        """Id of its message, once stored."""
        self.session_id = session_id
        self.user_message_id = user_message_id
        self.model = model
        """Requested model, ``provider/model``."""
        self.started = started
        """Start on the monotonic clock."""
        self.version = 0
        """Number that grows with every change of the text."""
        self.is_certain = True
        """False while a later tag may still turn :attr:`content` into reasoning."""
        self.reclassifications = 0
        """Number of times that text turned out to be of the other kind; in between it only grows."""
        self.is_compared = False
        """True for one of several replies of a :class:`chat.Comparison`."""
        self.message: Message | None = None
        """Settled message, once stored. It stays None if the conversation was deleted meanwhile."""
        self.running = True
        """False once the reply is settled or abandoned."""
        self.problem: str | None = None
        """Sentence that says why text cannot be saved at the moment; None while it can."""
        self.waiting: Waiting | None = None
        """Wait before the request is repeated; None while there is none."""
        self.on_waiting: Callable[[str], None] | None = None
        """Called with a sentence when such a wait begins, or one for a provider that cannot be reached."""
        self.waits_for = ""
        """Sentence that says which provider cannot be reached, while the prompt waits for it."""
        self.outage: Outage | None = None
        """Tells when that provider is asked next whether it can be reached."""
        self.has_waited = False
        """True if the prompt had to wait for the provider."""
        self.is_left = False
        """True if the prompt is left to wait for the next start, instead of being settled."""
        self.warning = ""
        """Sentence about a budget that is nearly used up, once the reply is settled."""
        self.saved = 0
        """Characters of :attr:`content` that are on disk."""
        self.input_tokens = self.output_tokens = self.total_tokens = 0
        """Token counts as reported, never estimated."""
        self.ending: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self.save_due = asyncio.Event()
        """Set while more is unsaved than should wait for the next interval."""
        self.details: dict[str, Any] = {}
        """Metadata of the message: cost, sources, messages left out of the request."""
        self.asking: ToolAsk | None = None
        """Question whether a tool may be called, while it waits for its answer."""
        self.call_started = 0.0
        """Start of the running call on the monotonic clock; 0 while none runs."""
        self.progress = ""
        """Line in which the running tool tells how far it is."""
        self.usage: Usage | None = None
        """Tokens as reported so far, of all rounds."""
        self.earlier: Usage | None = None
        """Tokens of the rounds before this one: each result of a tool is a request more."""
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._before = ("", "")
        """Content and reasoning of the rounds before this one."""
        self._unsaved = self._length = 0
        self._has_changed = asyncio.Event()

    @property
    def content(self) -> str:
        """Text received so far."""
        return _appended(self._before[0], _joined(self._content))

    @property
    def round_content(self) -> str:
        """Text received in this round."""
        return _joined(self._content)

    @property
    def reasoning(self) -> str:
        """Reasoning received so far."""
        return _appended(self._before[1], _joined(self._reasoning))

    @property
    def finish(self) -> Finish | None:
        """Way in which the reply ended; None while text may still come. It may be set before the reply is settled."""
        return self.ending.result().finish if self.ending.done() else None

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """Tools that were called so far; a call without a result is being asked for or is running."""
        return tool_calls(self.details)

    async def changed(self, since: int) -> None:
        """Wait for a version newer than ``since``, or until the reply is settled."""
        while self.version == since and self.running:
            self._has_changed.clear()
            await self._has_changed.wait()

    def wait(self, waiting: Waiting | None) -> None:
        """Note that the request is repeated after a wait, or with None that there is no such wait any more."""
        self.waiting = waiting
        if waiting is not None and self.on_waiting is not None:
            self.on_waiting(f"{waiting.reason} Trying again in {waiting.seconds:.0f} s.")

    def wait_for(self, sentence: str, outage: Outage | None = None) -> None:
        """Note that the prompt waits for a provider that cannot be reached, or with "" that it does not any more."""
        has_begun = bool(sentence) and not self.waits_for
        self.waits_for, self.outage = sentence, outage
        self.has_waited = True
        self.version += 1
        self._has_changed.set()
        if has_begun and self.on_waiting is not None:
            self.on_waiting(sentence)

    def add(self, text: str, *, reasoning: bool = False, settled: bool = True) -> None:
        """Append the next piece; after the end it is ignored."""
        if not text or self.ending.done():
            return
        (self._reasoning if reasoning else self._content).append(text)
        self.is_certain = settled or bool(self._reasoning)
        self.version += 1
        self._unsaved += len(text)
        self._length += len(text)
        if self._unsaved >= max(SAVE_THRESHOLD, self._length // SAVE_FRACTION):
            self.save_due.set()
        self._has_changed.set()

    def begin_round(self) -> None:
        """Let what comes from now on be a text of its own: the model goes on after the results of tools."""
        self._before = (self.content, self.reasoning)
        self.earlier = self.usage
        self._content.clear()
        self._reasoning.clear()
        self.is_certain = True

    def note(self, *, urgent: bool = False, **details: Any) -> None:
        """Change some :attr:`details`; after the end they stay. ``urgent``: the next save does not wait."""
        if self.ending.done():
            return
        self.details |= details
        self.version += 1
        if urgent:
            self.save_due.set()
        self._has_changed.set()

    def reclassify(self, to: Literal["reasoning", "content"]) -> None:
        """Turn all text of this round into reasoning, or into the answer; after the end it stays."""
        if self.ending.done():
            return
        source, target = (self._content, self._reasoning) if to == "reasoning" else (self._reasoning, self._content)
        target += source
        source.clear()
        self.is_certain = True
        self.reclassifications += 1
        self.version += 1
        self._has_changed.set()

    def take_unsaved(self) -> tuple[str, str]:
        """Return content and reasoning for a save, and reset the count of unsaved characters."""
        self._unsaved = 0
        self.save_due.clear()
        return self.content, self.reasoning

    def unsaved_problem(self, reason: str) -> str:
        """Return the sentence for a failed save, with the amount of text that is on disk already."""
        so_far = f"{self.saved:,} characters of the reply" if self.saved else "nothing of the reply yet"
        return f"{reason} Saved so far: your question, {so_far}."

    def end(self, ending: Ending) -> bool:
        """End the reply, and return True; return False if it had ended already."""
        if self.ending.done():
            return False
        self.ending.set_result(ending)
        return True

    def stop(self, finish: Finish = "stopped") -> bool:
        """End the reply and keep its text; return False if it had ended already.

        ``interrupted`` stands for an end that nobody wanted: a shutdown, a closed terminal.
        """
        return self.end(Ending(finish))

    def close(self) -> None:
        """Mark the reply as finished: it is stored, or deleted, or :attr:`problem` says why not."""
        self.running = False
        self._has_changed.set()

    def settled(self, elapsed_ms: int) -> Settled:
        """Return everything that the store needs to turn the reply into a message."""
        ending = self.ending.result()
        model, metadata = self.model, {**self.details, **ending.metadata}
        if model is not None and model.endswith("/"):  # any model of the provider was requested
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


def _appended(before: str, text: str) -> str:
    """Return the text of two rounds as paragraphs of one. It begins with ``before`` as it was: a screen shows that."""
    if not before or not text:
        return before or text
    return before + "\n" * (2 - len(before[-2:]) + len(before[-2:].rstrip("\n"))) + text.lstrip()


def _joined(pieces: list[str]) -> str:
    """Return the joined text, and replace the pieces by it, so that repeated calls stay cheap."""
    if len(pieces) > 1:
        pieces[:] = ["".join(pieces)]
    return pieces[0] if pieces else ""
