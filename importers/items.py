"""Items of a file made into conversations one by one, so that a bad one never stops the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from .json_stream import BrokenJson, BrokenMember
from .records import Conversation, Message, Skipped
from .values import identifier

Convert = Callable[[dict[str, Any]], Conversation | Skipped]

_IDS = ("id", "uuid", "conversation_id", "conversationId")


def converted(values: Iterable[Any], path: str, convert: Convert) -> Iterator[Conversation | Skipped]:
    """Yield what ``convert`` makes of each JSON object; a Skipped for what is none and for what it fails on.

    Where the file is broken from some place on, a last Skipped says so.
    """
    for number, value in enumerate(_until_broken(values), 1):
        where = f"{path}, item {number}"
        if isinstance(value, BrokenJson):
            is_last = not isinstance(value, BrokenMember)
            yield Skipped(str(value), where=path if is_last else where)
            continue
        if not isinstance(value, dict):
            yield Skipped("It is no conversation.", where=where)
            continue
        try:
            made = convert(value)
        except Exception as error:  # noqa: BLE001 - a shape that nobody thought of
            native = next(filter(None, (identifier(value.get(name)) for name in _IDS)), "")
            made = Skipped(f"It cannot be read: {type(error).__name__}: {error}.", native)
        if isinstance(made, Skipped):
            made.where = made.where or where
        value = None  # it may be large, and is not needed while the conversation is written
        yield made


def _until_broken(values: Iterable[Any]) -> Iterator[Any]:
    try:
        yield from values
    except BrokenJson as error:
        yield error


def empty(title: str, native: str = "") -> Skipped:
    """Return that a conversation has no messages."""
    return Skipped(f"“{title or native or 'Untitled'}” has no messages.", native)


def last_model(messages: Sequence[Message]) -> str | None:
    """Return the model of the last message that names one; None where none does."""
    return next((message.model for message in reversed(messages) if message.model), None)
