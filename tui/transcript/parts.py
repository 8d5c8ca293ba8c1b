"""Rows around a message's text: author and time above it, how it ended below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from textual.content import Content

from sterna.storage import Message, Version, clean, one_line, parse
from sterna.storage.conversations.citations import is_web, sources
from sterna.storage.conversations.reply_notes import SHOWN, reply_notes

from ..counts import counted, short_cost
from ..markdown import Link, Note, Word
from ..markdown.styles import MUTED

NAME = 40
MARKS = ("·  ", "·· ", "···", " ··", "  ·", "   ")
"""Frames of the mark that moves while a reply arrives."""
SHAPES = {"user": ("❯", "$text-secondary"), "assistant": ("◆", "$text-primary"), "system": ("■", "$text-warning")}
"""Shape and colour of each role."""
FOLDED, UNFOLDED = "▸", "▾"
PREVIOUS, NEXT = "‹", "›"
ONE_ROW = 44
"""Cells of a row beside the list in a terminal of 80 columns."""


@dataclass(frozen=True, slots=True)
class MessageOptions:
    """Settings of how messages are drawn."""

    usage: bool = True
    """Show tokens and seconds below a reply."""
    reasoning: bool = False
    """Expand reasoning by default."""
    retry_key: str = "r"
    """Key that regenerates a reply."""
    versions_key: str = "ctrl+x >"
    """Key that shows another version of a message."""
    end_key: str = "end"
    """Key that goes to the newest message."""
    search_key: str = "ctrl+r"
    """Key that searches."""
    code_keys: tuple[str, str, str] = ("y", "s", "E")
    """Keys that copy, save and edit the selected block of code."""
    images: bool = True
    """Show attached images."""
    links_key: str = "l"
    """Key that lists links, and messages that are quoted."""
    continue_key: str = "ctrl+x C"
    """Key that continues a reply."""
    stop_key: str = "escape"
    """Key that stops a reply."""
    take_back_key: str = "alt+q"
    """Key that takes a waiting message back."""
    zone: tzinfo | None = None
    """Time zone of the user; None is the system's."""
    header: bool = True
    """Show author and time above a message."""


def code_words(options: MessageOptions | None) -> tuple[Word, ...]:
    """Return the words in the label of the selected block of code, each behind its key; None: of any other block."""
    if options is None:
        return (Word("copy", "copy"),)
    return tuple(
        Word(name, f"{key} {name}") for key, name in zip(options.code_keys, ("copy", "save", "edit"), strict=True)
    )


def author(role: str, model: str | None) -> tuple[str, str]:
    """Return the name above a message, and the model's name where there is one."""
    if role == "user":
        return "You", ""
    if role == "system":
        return "System", ""
    return "Assistant", one_line((model or "").rpartition("/")[2], NAME)


def time_text(stamp: str, now: datetime, zone: tzinfo | None) -> str:
    """Return the time above a message: the hour today, with the day before today, with the year before this year."""
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
    """Return the row with author and time. Each role has a shape of its own beside its colour."""
    shape, colour = SHAPES.get(role, SHAPES["assistant"])
    name, shown_model = author(role, model)
    content = Content.assemble(
        (f"{shape} {name}", f"bold {colour}"),
        (f" · {shown_model}" if shown_model else "", colour),
        ("  " + time if time else "", MUTED),
    )
    if mark:
        content = Content.assemble(content, ("  " + mark, "$text-accent"))
    return Note(content, flush=True)


def reasoning_line(is_unfolded: bool, is_thinking: bool, milliseconds: int) -> Note:
    """Return the row that stands for the reasoning."""
    if is_thinking:
        text = "Thinking…"
    elif milliseconds > 0:
        text = f"Thought for {duration(milliseconds)}"
    else:
        text = "Thought"
    return Note(
        Content.styled(f"{UNFOLDED if is_unfolded else FOLDED} {text}", MUTED), flush=is_unfolded or is_thinking
    )


def footer(message: Message, options: MessageOptions, *, can_continue: bool = False, is_end: bool = True) -> list[Note]:
    """Return the rows below a message: its cost, or why it is not complete.

    Keys for what can be done about it stand below the last message alone, to which they apply.
    """
    keys = [f"{options.continue_key} to continue"] if can_continue else []
    keys += [f"{options.retry_key} to retry"] if is_end else []
    finish = message.finish
    if finish == "failed":
        sentence = clean(message.error_message or "The reply failed.").strip()
        return _with_keys(Content.assemble(("✗ ", "bold $text-error"), (sentence, "$text-error")), keys)
    if finish == "stopped":
        notes = _with_keys(Content.styled("(stopped)", MUTED), keys)
        return [*_marks(message, options), *notes, *_cost(message, options, 0)]
    if message.failed:
        return _with_keys(Content.styled(clean(message.error_message or ""), "$text-warning"), keys)
    if finish == "interrupted":
        reason = Content.styled("Interrupted. Only part of the reply arrived.", "$text-warning")
        return [*_marks(message, options), *_with_keys(reason, keys), *_cost(message, options, 0)]
    marks = _marks(message, options)
    if can_continue and marks:
        marks.append(Note(Content.styled(keys[0], MUTED), gap=0))
    return [*marks, *_cost(message, options, 0 if marks else 1)]


def waiting_note(sentence: str, options: MessageOptions | None) -> list[Note]:
    """Return the rows about a prompt that waits for its provider; without options for one of another window."""
    text = Content.styled(clean(sentence), "$text-warning")
    if options is None:
        return [Note(text)]
    keys = ((options.retry_key, "try now"), (options.take_back_key, "take back"), (options.stop_key, "stop"))
    return _with_keys(text, [f"{key} {word}" for key, word in keys])


def _with_keys(text: Content, keys: Sequence[str]) -> list[Note]:
    """Return a row with keys behind its text, below it where both together are long: no key is broken over two rows."""
    shown = Content.styled("  ".join(keys), MUTED)
    if not keys or text.cell_length + 2 + shown.cell_length <= ONE_ROW:
        return [Note(Content.assemble(text, "  ", shown) if keys else text)]
    return [Note(text), Note(shown, gap=0)]


def _cost(message: Message, options: MessageOptions, gap: int) -> list[Note]:
    """Return the row with the cost of a reply, where that is known and to be shown."""
    usage = usage_text(message) if options.usage and message.role == "assistant" else ""
    return [Note(Content.styled(usage, MUTED), gap=gap)] if usage else []


def _marks(message: Message, options: MessageOptions) -> list[Note]:
    """Return the sources that the provider named, one a line, and what is missing of the reply or of the request."""
    named = sources(message.metadata)
    lines = [f"[{number}] {one_line(it.title or it.url, 100)}" for number, it in enumerate(named[:SHOWN], 1)]
    if len(named) > SHOWN:
        lines.append(f"and {len(named) - SHOWN:,} more, {options.links_key} to list all")
    notes = [Content.styled("\n".join(lines), MUTED)] if lines else []
    notes += [Content.styled(clean(note), "$text-warning") for note in reply_notes(message.metadata)]
    return [Note(note, gap=0 if number else 1) for number, note in enumerate(notes)]


def with_sources(links: Sequence[Link], metadata: Mapping[str, Any]) -> list[Link]:
    """Return the sources that may be opened, each with its number and title, and the other links behind them."""
    named = [
        Link(source.url, f"[{number}] {one_line(source.title, 200)}".rstrip())
        for number, source in enumerate(sources(metadata), 1)
        if is_web(source.url)
    ]
    addresses = {link.address for link in named}
    return [*named, *(link for link in links if link.address not in addresses)]


def version_line(version: Version, options: MessageOptions) -> Note:
    """Return the row that says which version a message is; its arrows can be clicked."""
    place = (f"{PREVIOUS} {version.number:,} of {version.total:,} {NEXT}", "$text-accent")
    return Note(Content.assemble(place, (f"  {options.versions_key} to show the next", MUTED)), gap=0)


def version_step(column: int) -> int:
    """Return the step for a click on a column of that row: back on the first arrow, forward everywhere else."""
    return -1 if column <= len(PREVIOUS) else 1


def duration(milliseconds: int) -> str:
    """Return a duration in words: ``1.1 s``, ``12 s``, ``2 min 5 s``."""
    whole = milliseconds / 1000
    if whole < 10:
        return f"{whole:.1f} s"
    return f"{whole:.0f} s" if whole < 100 else f"{whole // 60:.0f} min {whole % 60:.0f} s"


def usage_text(message: Message) -> str:
    """Return tokens, duration and cost of a reply, as far as they are known."""
    tokens = message.output_tokens or message.total_tokens
    parts = [counted(tokens, "token")] if tokens > 0 else []
    if message.elapsed_ms > 0:
        parts.append(duration(message.elapsed_ms))
    cost = message.metadata.get("cost")
    if isinstance(cost, (int, float)) and not isinstance(cost, bool):
        is_estimate = message.metadata.get("cost_source") in ("list", "settings")
        parts.append(short_cost(min(float(cost), 1e9), is_estimate=is_estimate))
    return " · ".join(filter(None, parts))
