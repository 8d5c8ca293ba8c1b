"""Form in which a draft is stored: messages that wait to be sent, texts set aside, and the text of the prompt.

Each of the last two may be the new text of a message that was sent before.

They are one text with marks between them, so that one statement stores all of it: a message that moves from the prompt
into the queue is never in neither, nor in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from . import pastes

QUEUED, ASIDE, EDITED = "\x1e", "\x1f", "\x1c"
"""Mark behind each waiting message, behind each text set aside, and behind the id of the message that a text is to
replace. The prompt never holds a control character.
"""
FILES = "\x1d"
"""Mark between a text and the ids of its attachments, which are stored with the draft: of a waiting message, and of a
message that is edited.
"""


@dataclass(frozen=True, slots=True)
class StoredDraft:
    """Parts of a stored draft, each with the labels of its pastes expanded and marked."""

    queued: tuple[str, ...] = ()
    """Messages that wait, in the order in which they will be sent."""
    text: str = ""
    """Text of the prompt, behind the texts set aside."""

    @classmethod
    def parse(cls, stored: str) -> StoredDraft:
        """Return the parts of a stored draft."""
        *queued, text = stored.split(QUEUED)
        return cls(tuple(queued), text)

    def __str__(self) -> str:
        """Return what is stored."""
        return "".join(message + QUEUED for message in self.queued) + self.text


def with_files(draft: str, ids: Sequence[str]) -> str:
    """Return a waiting message with the ids of its attachments."""
    return f"{draft}{FILES}{','.join(ids)}" if ids else draft


def split_files(message: str) -> tuple[str, list[str]]:
    """Return the text of a waiting message, and the ids of its attachments."""
    draft, _, ids = message.partition(FILES)
    return draft, ids.split(",") if ids else []


def with_aside(aside: Sequence[str], text: str) -> str:
    """Return the text of a prompt behind the texts set aside."""
    return "".join(each + ASIDE for each in aside) + text


def split_aside(draft: str) -> tuple[list[str], str]:
    """Return the texts set aside, and the text of the prompt."""
    *aside, text = draft.split(ASIDE)
    return aside, text


def with_edited(message_id: str | None, text: str) -> str:
    """Return a text behind the id of the message that it is to replace."""
    return text if message_id is None else message_id + EDITED + text


def split_edited(draft: str) -> tuple[str | None, str]:
    """Return the id of the message that a text is to replace, None for a new message, and the text."""
    message_id, mark, text = draft.partition(EDITED)
    return (message_id, text) if mark else (None, draft)


def with_edit_files(text: str, ids: Sequence[str] | None) -> str:
    """Return the text of an edit with the ids of its attachments; None: those of the message that is edited."""
    return text if ids is None else f"{text}{FILES}{','.join(ids)}"


def split_edit_files(text: str) -> tuple[str, tuple[str, ...] | None]:
    """Return the text of an edit, and the ids of its attachments; None: they are not known yet."""
    draft, mark, ids = text.partition(FILES)
    return draft, tuple(filter(None, ids.split(","))) if mark else None


def joined(first: str, second: str) -> str:
    """Return two texts of a prompt as one; it is an edit if one of them is, with the attachments of both."""
    (first_edited, first), (edited, second) = split_edited(first), split_edited(second)
    (first, first_files), (second, files) = split_edit_files(first), split_edit_files(second)
    text = first + ("\n" if first and second else "") + second
    if (message_id := edited or first_edited) is None:
        return text
    is_known = first_files is not None or files is not None
    return with_edited(message_id, with_edit_files(text, (*(first_files or ()), *(files or ())) if is_known else None))


def edit_files(draft: str) -> list[str]:
    """Return the ids of the attachments of every edit in the text of a prompt."""
    edits = [text for message_id, text in map(split_edited, draft.split(ASIDE)) if message_id is not None]
    return [each for text in edits for each in split_edit_files(text)[1] or ()]


def plain(stored: str) -> str:
    """Return everything in a stored draft as it would be sent, a blank line between its parts."""
    parts = [split_files(part)[0] for part in stored.replace(ASIDE, QUEUED).split(QUEUED)]
    texts = [split_edited(part)[1] for part in parts]
    return "\n\n".join(pastes.plain(text) for text in texts if text)
