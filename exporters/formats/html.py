"""One page that contains everything: it loads nothing, and runs no script but its own."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha256
from html import escape

from sterna.storage import Attachment, Message, one_line, size_text
from sterna.storage.clock import local_time
from sterna.storage.conversations.citations import numbered
from sterna.storage.conversations.documents import ROLE_NAMES, STATES
from sterna.storage.conversations.quotations import (
    message_passages,
    passages_subject,
    passages_text,
    quote_line,
    reply_quotes,
)
from sterna.storage.conversations.reply_notes import reply_sources
from sterna.storage.conversations.tool_calls import ToolCall, tool_calls, with_tool_calls

from ..chat import Chat
from ..files import ExportFiles
from ..format import Format, Options
from .html_page import PAGE_END, SCRIPT, STYLE
from .html_text import code_styles, html_of

IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""Types of pictures that are shown; they cannot contain a script."""
LARGEST_FILE = 20 << 20
"""Bytes of a file that is put into the page."""


class Html(Format):
    """A list of the conversations, and each of them below it."""

    name = "html"
    suffix = ".html"

    def pieces(self, chats: Iterable[Chat], files: ExportFiles, options: Options) -> Iterator[str]:
        yield _head()
        titles: list[str] = []
        for number, chat in enumerate(chats):
            titles.append(f'<li><a href="#c{number}" dir="auto">{_title(chat)}</a> <small>{_day(chat)}</small></li>\n')
            yield f'<article id="c{number}">\n<h2 dir="auto">{_title(chat)}</h2>\n<p class="about">{_about(chat)}</p>\n'
            if chat.system_prompt:
                yield _folded("System prompt", html_of(chat.system_prompt))
            for message in chat.shown:
                yield from _message(message, files)
            yield "</article>\n"
        yield f"</main>\n<nav>\n<ol>\n{''.join(titles)}</ol>\n</nav>\n"
        yield PAGE_END.replace("SCRIPT", SCRIPT)


def _head() -> str:
    """Return the beginning of the page. Its policy allows the script of the page, by its hash, and no request."""
    allowed = b64encode(sha256(SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{allowed}'"
    light, dark = code_styles()
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<title>Conversations</title>\n'
        f"<style>\n{STYLE}\n{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n</style>\n</head>\n"
        '<body>\n<header><h1>Conversations</h1> <input id="search" type="search" placeholder="Search" '
        'aria-label="Search" title="/ to search, enter for the next place"> <output id="found"></output>'
        "</header>\n<main>\n"
    )


def _message(message: Message, files: ExportFiles) -> Iterator[str]:
    about = [ROLE_NAMES[message.role], local_time(message.message_timestamp)]
    if message.role == "assistant" and message.model:
        about.append(one_line(message.model))
    if message.finish in STATES:
        about.append(message.finish)
    yield f'<section class="{message.role}">\n<h3>{escape(" · ".join(about))}</h3>\n'
    if message.reasoning:
        yield _folded("Reasoning", html_of(message.reasoning))
    content, calls = numbered(message.content, message.metadata, tool_calls(message.metadata))
    for piece in with_tool_calls(content, calls):
        yield html_of(piece) if isinstance(piece, str) else _tool_call(piece)
    for attachment in message.attachments:
        yield _attachment(attachment, files)
    if sources := reply_sources(message.metadata):
        links = "".join(
            f'<li><a href="{escape(url)}" rel="noopener noreferrer">{escape(title or url)}</a></li>'
            for title, url in sources
            if url.lower().startswith(("http://", "https://"))
        )
        yield _folded("Sources", f"<ol>{links}</ol>")
    if passages := message_passages(message.metadata):
        yield _folded(f"Sent with {passages_subject(passages)}", f"<pre>{escape(passages_text(passages))}</pre>")
    if quotes := reply_quotes(message.metadata):
        lines = "".join(f"<li>{escape(quote_line(quote))}</li>" for quote in quotes)
        yield _folded("Quotes", f"<ul>{lines}</ul>")
    if message.error_message:
        yield f'<p class="error">{escape(message.error_message)}</p>\n'
    yield "</section>\n"


def _tool_call(call: ToolCall) -> str:
    state = ": failed" if call.is_error else ""
    title = f"{call.name}{state} {one_line(call.subject, 100)}".rstrip()
    texts = (call.arguments_text, call.result or "")
    return _folded(title, "".join(f"<pre>{escape(text)}</pre>\n" for text in texts if text.strip()))


def _attachment(attachment: Attachment, files: ExportFiles) -> str:
    name = escape(one_line(attachment.name, 200))
    content = files.content(attachment, LARGEST_FILE)
    if content is None:
        return f'<p class="file">{name}, {size_text(attachment.size)}</p>\n'
    is_picture = attachment.media_type in IMAGES
    data = f"data:{attachment.media_type if is_picture else 'application/octet-stream'};base64,"
    data += b64encode(content).decode()
    if is_picture:
        return f'<figure><img src="{data}" alt="{name}"><figcaption>{name}</figcaption></figure>\n'
    return f'<p class="file"><a download="{name}" href="{data}">{name}</a>, {size_text(attachment.size)}</p>\n'


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{escape(title)}</summary>\n{body}</details>\n"


def _title(chat: Chat) -> str:
    return escape(one_line(chat.conversation.title, 200)) or "Untitled"


def _day(chat: Chat) -> str:
    return escape(local_time(chat.conversation.created_at)[:10])


def _about(chat: Chat) -> str:
    parts = [local_time(chat.conversation.created_at), one_line(chat.model), one_line(chat.source)]
    parts += [f"#{tag}" for tag in chat.labels.tags]
    return escape(" · ".join(part for part in parts if part))
