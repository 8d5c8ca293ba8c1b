"""The rows around a message's text: who and when above it, how it ended below it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo

from textual.content import Content

from sterna.storage import Message, clean, one_line, parse
from sterna.storage.conversations.reply_notes import SHOWN, reply_notes, reply_sources

from ..counts import counted
from ..markdown import Note
from ..markdown.styles import MUTED

NAME = 40
MARKS = ("·  ", "·· ", "···", " ··", "  ·", "   ")
"""What moves while a reply arrives."""
FOLDED, UNFOLDED = "▸", "▾"


@dataclass(frozen=True, slots=True)
class Look:
    """What all messages share in how they are drawn."""

    usage: bool = True
    """Show tokens and seconds below a reply."""
    reasoning: bool = False
    """Show a model's reasoning unfolded."""
    retry_key: str = "r"
    """The key to be named where trying again helps."""
    versions_key: str = "v"
    """The key that shows another version of a reply."""
    end_key: str = "end"
    """The key that goes to the newest message."""
    search_key: str = "ctrl+r"
    """The key that searches."""
    zone: tzinfo | None = None
    """The person's time zone; None is the system's."""


def who(role: str, model: str | None) -> str:
    """The name over a message."""
    if role == "user":
        return "You"
    if role == "system":
        return "System"
    return one_line((model or "").rpartition("/")[2], NAME) or "Assistant"


def when(stamp: str, now: datetime, zone: tzinfo | None) -> str:
    """The time over a message: the hour today, with the day before today, with the year before this year."""
    try:
        moment = parse(stamp).astimezone(zone)
    except (ValueError, OverflowError, OSError):
        return ""
    today = now.astimezone(zone)
    if moment.date() == today.date():
        return f"{moment:%H:%M}"
    day = f"{moment.day} {moment:%b}"
    return f"{day} {moment:%H:%M}" if moment.year == today.year else f"{day} {moment.year} {moment:%H:%M}"


def header(role: str, model: str | None, time: str, mark: str = "") -> Note:
    """Who and when."""
    style = "bold $text-secondary" if role == "user" else "bold $text-primary"
    content = Content.assemble((who(role, model), style), ("  " + time if time else "", MUTED))
    if mark:
        content = Content.assemble(content, ("  " + mark, "$text-accent"))
    return Note(content, flush=True)


def fold(opened: bool, thinking: bool, milliseconds: int) -> Note:
    """The line that stands for the reasoning."""
    if thinking:
        text = "Thinking…"
    elif milliseconds > 0:
        text = f"Thought for {seconds(milliseconds)}"
    else:
        text = "Thought"
    return Note(Content.styled(f"{UNFOLDED if opened else FOLDED} {text}", MUTED), flush=opened or thinking)


def endings(message: Message, look: Look) -> list[Note]:
    """What stands below a message: its cost, or why it is not whole."""
    again = Content.styled(f"  {look.retry_key} to retry", MUTED)
    finish = message.finish
    if finish == "failed":
        sentence = clean(message.error_message or "The reply failed.").strip()
        return [Note(Content.assemble(("✗ ", "bold $text-error"), (sentence, "$text-error"), again))]
    if finish == "stopped":
        notes = [*_marks(message), Note(Content.assemble(("(stopped)", MUTED), again))]
        return [*notes, *_cost(message, look, 0)]
    if message.failed:
        return [Note(Content.assemble((clean(message.error_message or ""), "$text-warning"), again))]
    if finish == "interrupted":
        cut = ("Interrupted. Only part of the reply arrived.", "$text-warning")
        return [*_marks(message), Note(Content.assemble(cut, again)), *_cost(message, look, 0)]
    marks = _marks(message)
    return [*marks, *_cost(message, look, 0 if marks else 1)]


def _cost(message: Message, look: Look, gap: int) -> list[Note]:
    """What a reply cost, where that is known and wanted."""
    usage = _usage(message) if look.usage and message.role == "assistant" else ""
    return [Note(Content.styled(usage, MUTED), gap=gap)] if usage else []


def _marks(message: Message) -> list[Note]:
    """The sources that the provider named, each in one line, and what is missing of the reply or of the request."""
    named = reply_sources(message.metadata)[:SHOWN]
    lines = [f"[{number}] {one_line(title or url, 100)}" for number, (title, url) in enumerate(named, 1)]
    notes = [Content.styled("\n".join(lines), MUTED)] if lines else []
    notes += [Content.styled(clean(note), "$text-warning") for note in reply_notes(message.metadata)]
    return [Note(note, gap=0 if number else 1) for number, note in enumerate(notes)]


def versions(count: int, look: Look) -> list[Note]:
    """Return the line about other versions of a reply, where it has any."""
    if count < 2:
        return []
    return [Note(Content.styled(f"{count} versions  {look.versions_key} to show another", MUTED), gap=0)]


def seconds(milliseconds: int) -> str:
    """A duration as a person says it."""
    whole = milliseconds / 1000
    if whole < 10:
        return f"{whole:.1f} s"
    return f"{whole:.0f} s" if whole < 100 else f"{whole // 60:.0f} min {whole % 60:.0f} s"


def _usage(message: Message) -> str:
    tokens = message.output_tokens or message.total_tokens
    parts = [counted(tokens, "token")] if tokens > 0 else []
    if message.elapsed_ms > 0:
        parts.append(seconds(message.elapsed_ms))
    return " · ".join(parts)
