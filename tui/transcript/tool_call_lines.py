"""Rows about a tool call: one line while it is folded, arguments and result below it while it is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.content import Content

from sterna.storage import clean, one_line
from sterna.storage.conversations.tool_calls import ToolCall

from ..counts import counted
from ..markdown import Block, Note, plain_blocks
from ..markdown.styles import MUTED
from .parts import FOLDED, UNFOLDED

LONGEST_NAME = 40
LONGEST_SUBJECT = 72


def summary_call(metadata: Mapping[str, Any]) -> tuple[ToolCall, ...]:
    """Return a summary that was made for a reply, as a part that folds like a tool call; nothing without one."""
    text, count = metadata.get("summary"), metadata.get("summarised")
    if not isinstance(text, str) or not text.strip():
        return ()
    what = counted(count, "earlier message") if isinstance(count, int) else "earlier messages"
    return (ToolCall(f"Summary of {what}", result=text),)


def call_line(call: ToolCall, is_unfolded: bool, gap: int, state: str = "no result") -> Note:
    """Return the line that stands for a tool call: what was called, what for, and how it ended.

    ``state`` is said of a call that has no result.
    """
    subject = one_line(call.subject, LONGEST_SUBJECT)
    return Note(
        Content.assemble(
            (f"{UNFOLDED if is_unfolded else FOLDED} ", MUTED),
            (one_line(call.name, LONGEST_NAME), "$text-accent"),
            (f"  {subject}" if subject else "", MUTED),
            _ending(call, state),
        ),
        gap=gap,
        flush=is_unfolded,
    )


def _ending(call: ToolCall, state: str) -> tuple[str, str]:
    if call.is_error:
        return "  ✗ not allowed" if call.is_declined else "  ✗ failed", "$text-error"
    return (f"  {state}" if call.result is None else ""), MUTED


def call_details(call: ToolCall) -> list[Block]:
    """Return arguments and result of a tool call."""
    parts = [call.arguments_text.rstrip(), (call.result or "").rstrip()]
    blocks = [block for text in parts if text for block in plain_blocks(clean(text), MUTED)]
    if call.whole:
        rest = f"The whole result, {call.whole:,} characters, is attached to the message."
        blocks.append(Note(Content.styled(rest, MUTED), gap=0))
    return blocks
