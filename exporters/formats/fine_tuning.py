"""JSON lines for fine-tuning: the ``messages`` of OpenAI's chat API, one conversation a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from sterna.storage import Message

from ..chat import Chat
from ..files import ExportFiles
from ..format import Format, Options


class FineTuning(Format):
    """The shown branch of each conversation that has a reply, with its system prompt first."""

    name = "jsonl"
    suffix = ".jsonl"

    def pieces(self, chats: Iterable[Chat], files: ExportFiles, options: Options) -> Iterator[str]:
        for chat in chats:
            messages = [message for message in chat.shown if message.content.strip()]
            if options.only_complete:
                messages = complete(messages)
            if any(message.role == "assistant" for message in messages):
                system = [{"role": "system", "content": chat.system_prompt}] if chat.system_prompt.strip() else []
                turns = [{"role": message.role, "content": message.content} for message in messages]
                yield json.dumps({"messages": system + turns}, ensure_ascii=False) + "\n"


def complete(messages: Sequence[Message]) -> list[Message]:
    """Return messages without replies that failed or broke off, and without prompts that no other reply answers."""
    kept: list[Message] = []
    for message in messages:
        if message.role == "assistant" and message.finish != "done":
            while kept and kept[-1].role == "user":
                kept.pop()
        else:
            kept.append(message)
    while kept and kept[-1].role == "user":
        kept.pop()
    return kept
