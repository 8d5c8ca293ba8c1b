"""Widget of one message, settled or still arriving; it stays when a live reply settles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from textual import events
from textual.message import Message as Event

from sterna.storage import LiveReply, Message, Version, is_unfinished
from sterna.storage.conversations.citations import numbered
from sterna.storage.conversations.quotations import Quote, reply_quotes
from sterna.storage.conversations.tool_calls import ToolCall, tool_calls

from ..markdown import (
    Block,
    CodeBlock,
    Document,
    Link,
    Match,
    Note,
    Position,
    blocks,
    links,
    plain_blocks,
)
from ..markdown.styles import MUTED
from .attachment_lines import attachment_blocks
from .call_parts import NOTHING, CallParts
from .gutter_view import GUTTER, GutterView
from .live_text import LiveText
from .parts import (
    MARKS,
    MessageOptions,
    code_words,
    footer,
    header,
    reasoning_line,
    time_text,
    version_line,
    version_step,
    waiting_note,
    with_sources,
)
from .quote_lines import passages_call, quote_links, quote_notes
from .tool_call_lines import summary_call


class MessageView(GutterView):
    """Drawing of one message. A bar at the left shows that it is selected."""

    ALLOW_MAXIMIZE = False

    @dataclass
    class Clicked(Event):
        """The message was clicked."""

        view: MessageView
        on_reasoning: bool
        """True for a click on the line that stands for the reasoning."""
        code: int | None = None
        """Number of the block of code that was clicked."""
        action: str | None = None
        """Action of the word in its label that was clicked."""
        attachment: int | None = None
        """Position of the attachment whose line was clicked."""
        tool_call: int | None = None
        """Position of the tool call whose line was clicked."""
        quote: Quote | None = None
        """Quote whose row was clicked."""
        step: int = 0
        """Step to the version that was clicked: 1 for the next one, -1 for the one before it."""

    def __init__(self, source: Message | LiveReply, options: MessageOptions, now: datetime) -> None:
        super().__init__(Document(()))
        self.message_id = source.id
        self.key = (source.message_timestamp, source.id)
        self.role = source.role if isinstance(source, Message) else "assistant"
        self.message: Message | None = None
        """The settled message; None while it arrives."""
        self.content = ""
        """Text as it was written."""
        self.reasoning = ""
        self.is_unfolded = options.reasoning
        """True while the reasoning is shown."""
        self._options = options
        self._now = now
        self._model = source.model
        self._live: LiveText | None = None
        self._code: int | None = None
        self._version: Version | None = None
        self._is_end = False
        self._continues = isinstance(source, LiveReply) and source.continues is not None
        self._mark = 0
        self._waits_for, self._is_mine = "", True
        self._body: Sequence[Block] = ()
        """Blocks of the text."""
        self._calls = CallParts()
        self._reasoning_line: Block | None = None
        """Line that stands for the reasoning; a click opens and closes it."""
        self._attachment_blocks: list[tuple[Block, ...]] = []
        """Line, and picture where there is one, of each attachment."""
        self._pictures: Mapping[str, Block] = {}
        self._quotes: tuple[Quote, ...] = ()
        self._quote_lines: list[Note] = []
        self._version_line: Block | None = None
        self.set_class(self.role == "user", "-user")
        if isinstance(source, Message):
            self.show_message(source)
        else:
            self.show_live(
                source.content, source.reasoning, source.metadata, waits_for=source.waiting or "", is_mine=source.mine
            )

    @property
    def is_waiting(self) -> bool:
        """True while the prompt waits for its provider."""
        return self.is_live and bool(self._waits_for)

    @property
    def is_live(self) -> bool:
        """True while the message arrives."""
        return self.message is None

    @property
    def can_retry(self) -> bool:
        """True for a settled reply, which can be regenerated."""
        return self.message is not None and self.role == "assistant"

    @property
    def code_blocks(self) -> list[CodeBlock]:
        """Blocks of code in the text."""
        return [block for block in self._body if isinstance(block, CodeBlock)]

    def show_message(self, message: Message) -> None:
        """Show the message as it is stored."""
        if message == self.message:
            return
        before = self.message
        if before is None or (message.content, message.metadata) != (before.content, before.metadata):
            self._show_text(message)
        self.message = message
        self._live = None
        self._model = message.model or self._model
        self.content, self.reasoning = message.content, message.reasoning or ""
        self.remove_class("-live")
        self.set_class(message.finish == "failed", "-failed")
        self._compose_document()

    def _show_text(self, message: Message) -> None:
        render = plain_blocks if message.role == "user" else blocks
        calls = _folded_parts(message.metadata)
        self._quotes = reply_quotes(message.metadata)
        content, calls = numbered(message.content, message.metadata, calls)
        self._body = self._calls.show_settled(content, calls, render)

    def show_live(
        self,
        content: str,
        reasoning: str,
        metadata: Mapping[str, Any] = NOTHING,
        states: Mapping[str, str] = NOTHING,
        *,
        waits_for: str = "",
        is_mine: bool = True,
    ) -> None:
        """Show what has arrived so far, and the calls in the metadata; ``states``: how far those without result are.

        ``waits_for`` says for what the prompt waits, and ``is_mine`` whether this window sends it.
        """
        calls = _folded_parts(metadata)
        is_same_text = self._live is not None and (content, calls) == (self.content, self._calls.calls)
        is_same_wait = (waits_for, is_mine) == (self._waits_for, self._is_mine)
        self._waits_for, self._is_mine = waits_for, is_mine
        if is_same_text and is_same_wait and (reasoning, states) == (self.reasoning, self._calls.states):
            return
        if self._live is None:
            self._live, self.message, self._quotes = LiveText(), None, ()
            self.remove_class("-failed").add_class("-live")
        pieces = self._calls.pieces if is_same_text else self._live.update(content, calls)
        self._body = self._calls.show_live(pieces, calls, states)
        self.content, self.reasoning = content, reasoning
        self._compose_document()

    @property
    def can_continue(self) -> bool:
        """True for a reply at the end of the conversation that was cut or stopped."""
        return self._is_end and self.message is not None and is_unfinished(self.message)

    @property
    def has_versions(self) -> bool:
        """True where another version can be shown in the place of this message."""
        return self._version is not None

    def show_version(self, version: Version | None) -> None:
        """Show which version this is, and of how many; None: there is no other."""
        if version != self._version:
            self._version = version
            self._compose_document()

    def show_end(self, is_end: bool) -> None:
        """Show what can be done with the last message of a conversation alone."""
        if is_end != self._is_end:
            self._is_end = is_end
            self._compose_document()

    def show_options(self, options: MessageOptions) -> None:
        """Draw the message with other options."""
        if options.reasoning != self._options.reasoning:
            self.is_unfolded = options.reasoning
        self._options = options
        self._compose_document()

    def show_pictures(self, pictures: Mapping[str, Block]) -> None:
        """Show pictures of attached images, by the attachment's id."""
        if pictures != self._pictures:
            self._pictures = pictures
            self._compose_document()

    def move_mark(self) -> None:
        """Draw the next frame of the mark of a reply that arrives."""
        self._mark += 1
        self._compose_document()

    @property
    def can_fold(self) -> bool:
        """True for a message with reasoning or tool calls."""
        return bool(self.reasoning or self._calls.calls)

    def toggle_folds(self) -> None:
        """Show reasoning and tool calls, or hide them where all are shown."""
        self.is_unfolded = bool(self.reasoning and not self.is_unfolded) or not self._calls.are_all_unfolded
        self._calls.unfold_all(self.is_unfolded)
        self._compose_document()

    def toggle_reasoning(self) -> None:
        """Show or hide the reasoning."""
        self.is_unfolded = not self.is_unfolded
        self._compose_document()

    def toggle_tool_call(self, index: int) -> None:
        """Show or hide arguments and result of one tool call."""
        self._calls.toggle(index)
        self._compose_document()

    def select_code(self, index: int | None) -> None:
        """Show a block of code as selected, or none."""
        self._code = index
        self._mark_code()
        self.draw_again()

    def code_position(self, index: int) -> Position:
        """Return the position at which a block of code begins."""
        block = self.code_blocks[index]
        return Position(next(n for n, other in enumerate(self._document.blocks) if other is block), 0, 0, 0)

    def show_match(self, match: Match | None) -> None:
        """Mark the place on which the search stands."""
        self.current_match = match
        self.refresh()

    def attachment_position(self, at: int) -> Position:
        """Return the position of the line about an attachment."""
        return Position(self._document.blocks.index(self._attachment_blocks[at][0]), 0, 0, 0)

    @property
    def links(self) -> list[Link]:
        """Addresses in the text."""
        metadata = self.message.metadata if self.message is not None else NOTHING
        return [*quote_links(self._quotes), *with_sources(links(self._body), metadata)]

    def _mark_code(self) -> None:
        for number, block in enumerate(self.code_blocks):
            block.is_selected = number == self._code
            block.words = code_words(self._options if block.is_selected else None)

    def _compose_document(self) -> None:
        is_live = self.message is None
        time = "continued" if self._continues else ""
        if not is_live:
            time = time_text(self.key[0], self._now, self._options.zone)
        mark = MARKS[self._mark % len(MARKS)] if is_live else ""
        parts: list[Block] = [header(self.role, self._model, time, mark)] if self._options.header else []
        if self.reasoning:
            milliseconds = 0 if self.message is None else int(self.message.metadata.get("reasoning_ms") or 0)
            self._reasoning_line = reasoning_line(self.is_unfolded, is_live and not self.content, milliseconds)
            parts.append(self._reasoning_line)
            if self.is_unfolded:
                parts += plain_blocks(self.reasoning.strip(), f"{MUTED} italic")
        parts += self._calls.blocks()
        if self.is_waiting:
            parts += waiting_note(self._waits_for, self._options if self._is_mine else None)
        if self.message is not None:
            self._attachment_blocks = attachment_blocks(self.message, self._pictures if self._options.images else {})
            parts += [block for blocks in self._attachment_blocks for block in blocks]
            self._quote_lines = quote_notes(self._quotes, self._options.links_key)
            parts += self._quote_lines
            parts += footer(self.message, self._options, can_continue=self.can_continue, is_end=self._is_end)
            if self._version is not None:
                self._version_line = version_line(self._version, self._options)
                parts.append(self._version_line)
        self._mark_code()
        self.document = Document(parts)

    def on_click(self, event: events.Click) -> None:
        room = self.text_width(self.size.width)
        index, row = self._document.block_at(room, event.y)
        block = self._document.blocks[index]
        code = next((number for number, other in enumerate(self.code_blocks) if other is block), None)
        if block is self._version_line:
            self.post_message(self.Clicked(self, False, step=version_step(event.x - GUTTER)))
        elif code is None or row < 0 or not isinstance(block, CodeBlock):
            attached = next((at for at, blocks in enumerate(self._attachment_blocks) if block in blocks), None)
            call = self._calls.index_of(block)
            quotes = zip(self._quotes, self._quote_lines, strict=False)
            quote = next((quote for quote, line in quotes if line is block), None)
            clicked = self.Clicked(
                self, block is self._reasoning_line, attachment=attached, tool_call=call, quote=quote
            )
            self.post_message(clicked)
        else:
            action = block.action_at(room, row, event.x - GUTTER)
            self.post_message(self.Clicked(self, False, code, action))


def _folded_parts(metadata: Mapping[str, Any]) -> tuple[ToolCall, ...]:
    """Return what stands folded in a message: passages and a summary that it was given, and its tool calls."""
    return (*passages_call(metadata), *summary_call(metadata), *tool_calls(metadata))
