"""Conversations as Markdown documents."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from ..clock import local_time
from ..records import Attachment, Conversation, Message
from ..text import one_line

ROLE_NAMES = {"user": "You", "assistant": "Reply", "system": "System"}
STATES = frozenset(("stopped", "interrupted", "failed"))
SHORT_NAME = 8
"""Characters of a conversation's short name. Twelve are random; eight distinguish a million conversations."""
LONGEST_NAME = 60
"""Characters of a title in the name of a file."""

AttachmentLine = Callable[[Attachment], str]
"""Returns the line about an attachment in a text."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_NOT_IN_NAMES = re.compile(r"[^\w-]+")
_OWN_ID = re.compile(r"conv_\d+_[0-9a-z]{12}", re.ASCII)


def without_controls(text: str) -> str:
    """Return ``text`` on one line, with each run of control characters replaced by a space."""
    return _CONTROL.sub(" ", text)


def short_name(conversation_id: str) -> str:
    """Return the short name of a conversation, as ``sterna list`` shows it."""
    return without_controls(conversation_id.rpartition("_")[2])[:SHORT_NAME]


def file_name(conversation: Conversation) -> str:
    """Return a name for the document of a conversation: its day, title and short name."""
    title = _NOT_IN_NAMES.sub("-", one_line(conversation.title)).strip("-")[:LONGEST_NAME]
    name = short_name(conversation.id)
    if not _OWN_ID.fullmatch(conversation.id):
        from hashlib import sha256

        # an id of another program may begin as others do, and may contain what no name of a file does
        digest = sha256(conversation.id.encode("utf-8", "surrogatepass")).hexdigest()
        name = f"{_NOT_IN_NAMES.sub('-', name).strip('-')}-{digest[:8]}"
    return "-".join(part for part in (conversation.created_at[:10], title, name) if part) + ".md"


def heading(message: Message) -> str:
    """Return role, time, model and state of a message as a heading, safe for a terminal."""
    parts = [ROLE_NAMES[message.role], local_time(message.message_timestamp)]
    if message.role == "assistant" and message.model:
        parts.append(one_line(message.model))
    if message.finish in STATES:
        parts.append(message.finish)
    return "## " + " · ".join(parts)


def beginning(conversation: Conversation) -> str:
    """Return the heading of a conversation with its time and id."""
    title = without_controls(conversation.title).strip()
    return f"# {title}\n\n{local_time(conversation.created_at)} · {conversation.id}\n"


def named_attachment(attachment: Attachment) -> str:
    """Return the line about an attachment that says its name alone."""
    return f"- Attached: {attachment_label(attachment)}\n"


def attachment_label(attachment: Attachment) -> str:
    """Return the name of an attachment as text of a link."""
    from ..attachments.files import safe_name  # few documents have any

    return safe_name(attachment.name).replace("[", "(").replace("]", ")")


def texts(messages: Iterable[Message], attachment_line: AttachmentLine | None = None) -> Iterator[str]:
    """Yield messages as Markdown, in pieces that end with a line end; their texts are unchanged."""
    for message in messages:
        yield f"\n{heading(message)}\n\n"
        if message.content:
            yield message.content if message.content.endswith("\n") else message.content + "\n"
        yield from map(attachment_line or named_attachment, message.attachments)
        if message.error_message:
            yield f"*({one_line(message.error_message)})*\n"
