"""Tables of before 0.32: a row for each prompt with its reply."""

from __future__ import annotations

from typing import Any

from ...records import Attachment, Conversation, Message, Part, Text, ToolCall
from ...sqlite import cell
from ...times import moment
from ...values import count, identifier, parsed
from .contents import Contents, settings


def response_messages(contents: Contents, responses: list[dict[str, Any]], conversation: Conversation) -> None:
    """Add the messages of responses to a conversation."""
    calls: dict[str, ToolCall] = {}
    system = ""
    for row in responses:
        number = identifier(row["id"])
        time = moment(row["datetime_utc"])
        told = "\n\n".join(filter(None, [*contents.fragments("system_fragments", row["id"]), cell(row["system"])]))
        if told and told != system:
            if conversation.messages or conversation.system_prompt:
                conversation.messages.append(Message(f"{number} system", "system", [Text(told)], created_at=time))
            else:
                conversation.system_prompt = told
            system = told
        question = _question(contents, row, number)
        unknown, files = _results(contents, row["id"], calls)
        question.parts += files
        if question.parts:
            question.created_at = time
            conversation.messages.append(question)
        reply = _reply(contents, row, number)
        reply.parts[:0] = unknown
        calls.update((part.id, part) for part in reply.parts if isinstance(part, ToolCall) and part.id)
        reply.created_at = time
        conversation.messages.append(reply)
    times = [message.created_at for message in conversation.messages if message.created_at]
    conversation.created_at = min(times, default=None)
    conversation.updated_at = max(times, default=None)
    conversation.model = next(
        (each.model for each in reversed(conversation.messages) if each.model), conversation.model
    )


def _question(contents: Contents, row: dict[str, Any], number: str) -> Message:
    asked = "\n".join(filter(None, [*contents.fragments("prompt_fragments", row["id"]), cell(row["prompt"])]))
    parts: list[Part] = [Text(asked)] if asked else []
    parts += contents.attachments("prompt_attachments", "response_id", row["id"])
    return Message(f"{number} prompt", "user", parts)


def _reply(contents: Contents, row: dict[str, Any], number: str) -> Message:
    parts: list[Part] = [Text(text)] if (text := cell(row["response"])) else []
    for call in contents.calls.of(row["id"]):
        arguments = parsed(cell(call.get("arguments")))
        parts.append(ToolCall(cell(call.get("name")) or "tool", arguments, id=cell(call.get("tool_call_id"))))
    return Message(
        number,
        "assistant",
        parts,
        model=cell(row["model"]) or None,
        reasoning=cell(row.get("reasoning")),
        input_tokens=count(row.get("input_tokens")),
        output_tokens=count(row.get("output_tokens")),
        elapsed_ms=count(row.get("duration_ms")),
        metadata=settings(row, contents),
    )


def _results(
    contents: Contents, response: object, calls: dict[str, ToolCall]
) -> tuple[list[ToolCall], list[Attachment]]:
    """Attach the results that a response was given; return those of unknown calls, and the files among them."""
    unknown: list[ToolCall] = []
    files: list[Attachment] = []
    for row in contents.results.of(response):
        call = calls.get(cell(row.get("tool_call_id")))
        if call is None or call.result is not None:
            call = ToolCall(cell(row.get("name")) or "tool", id=cell(row.get("tool_call_id")))
            unknown.append(call)
        failure = cell(row.get("exception"))
        call.result, call.is_error = cell(row.get("output")) or failure, bool(failure)
        files += contents.attachments("tool_results_attachments", "tool_result_id", row.get("id"))
    return unknown, files
