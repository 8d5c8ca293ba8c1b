"""Responses in the vendors' own protocols, as their documentation describes them, and the reply that each means."""

from __future__ import annotations

import json
from typing import Any

from streams import Stream

from sterna.providers import FailureKind


def named(*events: dict[str, Any]) -> bytes:
    """Return events of which each says its type twice, as Anthropic and OpenAI's Responses do."""
    lines = (f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return "".join(lines).encode()


def block(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": kind, **fields}}


OPENED = {"type": "message_start", "message": {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-1", "content": [], "stop_reason": None,
    "usage": {"input_tokens": 3, "cache_creation_input_tokens": 4, "cache_read_input_tokens": 5, "output_tokens": 1},
}}  # fmt: skip
BEGUN = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
HEL, LO = block("text_delta", text="Hel"), block("text_delta", text="lo.")
CLOSED = {"type": "content_block_stop", "index": 0}
STOPPED = {"type": "message_stop"}


def ended(reason: str | None = "end_turn", received: int = 2) -> dict[str, Any]:
    return {
        "type": "message_delta",
        "delta": {"stop_reason": reason, "stop_sequence": None},
        "usage": {"output_tokens": received},
    }


def anthropic(name: str, *events: dict[str, Any], body: bytes = b"", **fields: Any) -> Stream:
    return Stream(f"Anthropic: {name}", body or named(OPENED, *events), **{"usage": (12, 2, 14), **fields},
                  protocol="anthropic")  # fmt: skip


THINKING = {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}}
CITED = {"type": "web_search_result_location", "url": "https://terns.example/a", "title": "Terns", "cited_text": "x"}
MESSAGE = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-1", "stop_reason": "end_turn",
    "content": [{"type": "thinking", "thinking": "Hm.", "signature": "x"}, {"type": "text", "text": "Hello."}],
    "usage": {"input_tokens": 3, "output_tokens": 2},
}  # fmt: skip
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}

ANTHROPIC = (
    anthropic("text", BEGUN, {"type": "ping"}, HEL, LO, CLOSED, ended(), STOPPED, more={"cached_tokens": 5}),
    anthropic("events of the future", BEGUN, HEL, {"type": "new_event", "delta": 3}, LO, CLOSED, ended(), STOPPED),
    anthropic(
        "thinking", THINKING, block("thinking_delta", thinking="H"), block("thinking_delta", thinking="m."),
        block("signature_delta", signature="c2ln"), CLOSED, BEGUN, HEL, LO, CLOSED, ended(), STOPPED, reasoning="Hm.",
    ),
    anthropic(
        "thinking that is not shown",
        {**THINKING, "content_block": {"type": "redacted_thinking", "data": "x"}}, CLOSED, BEGUN, HEL, LO, CLOSED,
        ended(), STOPPED,
    ),
    anthropic("its longest", BEGUN, HEL, LO, CLOSED, ended("max_tokens"), STOPPED, finish="length"),
    anthropic("a full window", BEGUN, HEL, LO, ended("model_context_window_exceeded"), STOPPED, finish="length"),
    anthropic("a stop sequence", BEGUN, HEL, LO, CLOSED, ended("stop_sequence"), STOPPED),
    anthropic("a refusal", BEGUN, HEL, LO, CLOSED, ended("refusal"), STOPPED, finish="content_filter"),
    anthropic(
        "a tool", BEGUN, HEL, LO, CLOSED,
        {**BEGUN, "content_block": {"type": "tool_use", "id": "t", "name": "search", "input": {}}},
        block("input_json_delta", partial_json="{}"), CLOSED, ended("tool_use"), STOPPED, finish="tool_calls",
    ),
    anthropic(
        "sources", BEGUN, HEL, block("citations_delta", citation=CITED), LO, CLOSED, ended(), STOPPED,
        sources=("https://terns.example/a",),
    ),
    anthropic("no last event", BEGUN, HEL, LO, CLOSED, ended()),
    anthropic("nothing after its text", BEGUN, HEL, LO, kind=FailureKind.TRUNCATED, usage=None),
    anthropic("overloaded at once", body=named(OVERLOADED), text="", kind=FailureKind.SERVER, usage=None),
    anthropic("overloaded midway", BEGUN, HEL, LO, OVERLOADED, kind=FailureKind.SERVER, usage=None),
    anthropic("in one piece", body=json.dumps(MESSAGE).encode(), reasoning="Hm.", usage=(3, 2, 5)),
    anthropic("no text", ended(), STOPPED, text="", kind=FailureKind.EMPTY),
    anthropic(
        "shapes that it never has", {"type": "content_block_delta", "delta": None}, {"type": ["x"]}, BEGUN,
        block("text_delta", text=None), block("text_delta"), {"type": "message_delta", "delta": 3, "usage": "x"}, HEL,
        LO, CLOSED, ended(), STOPPED,
    ),
)  # fmt: skip


# OpenAI's Responses


def responses(name: str, *events: dict[str, Any], body: bytes = b"", **fields: Any) -> Stream:
    opened = {"type": "response.created", "response": {"id": "resp_1", "model": "gpt-5", "status": "in_progress"}}
    return Stream(f"Responses: {name}", body or named(opened, *events), **{"usage": (12, 7, 19), **fields},
                  protocol="openai-responses")  # fmt: skip


def written(text: Any) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "delta": text}


def response(status: str = "completed", **fields: Any) -> dict[str, Any]:
    usage = {
        "input_tokens": 12, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 5}, "total_tokens": 19,
    }  # fmt: skip
    common = {"id": "resp_1", "object": "response", "model": "gpt-5", "status": status, "error": None, "usage": usage}
    return {**common, "incomplete_details": None, **fields}


def over(status: str = "completed", **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{status}", "response": response(status, **fields)}


CITATION = {"type": "url_citation", "url": "https://terns.example/a", "title": "Terns", "start_index": 0}
OUTPUT = [
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
    {"type": "message", "content": [{"type": "output_text", "text": "Hello.", "annotations": [CITATION]}]},
]
SUMMARY = {"type": "response.reasoning_summary_text.delta", "delta": "Hm."}
PART = {"type": "response.reasoning_summary_part.added"}

RESPONSES = (
    responses(
        "text", {"type": "response.in_progress", "response": {}}, written("Hel"), written("lo."),
        {"type": "response.output_text.done", "text": "Hello."}, over(),
        more={"cached_tokens": 4, "reasoning_tokens": 5},
    ),
    responses("a summary of reasoning", PART, SUMMARY, written("Hello."), over(), reasoning="Hm."),
    responses(
        "two summaries", PART, SUMMARY, PART, {**SUMMARY, "delta": "So."}, written("Hello."), over(),
        reasoning="Hm.\n\nSo.",
    ),
    responses("a refusal", {"type": "response.refusal.delta", "delta": "Hello."}, over()),
    responses(
        "its longest", written("Hello."), over("incomplete", incomplete_details={"reason": "max_output_tokens"}),
        finish="length",
    ),
    responses(
        "filtered", written("Hello."), over("incomplete", incomplete_details={"reason": "content_filter"}),
        finish="content_filter",
    ),
    responses(
        "sources", written("Hello."), {"type": "response.output_text.annotation.added", "annotation": CITATION}, over(),
        sources=("https://terns.example/a",),
    ),
    responses(
        "failed midway", written("Hel"),
        over("failed", error={"code": "server_error", "message": "The server had an error."}, usage=None),
        text="Hel", kind=FailureKind.SERVER, usage=None,
    ),
    responses(
        "an error", {"type": "error", "code": "rate_limit_exceeded", "message": "Rate limit reached."}, text="",
        kind=FailureKind.RATE_LIMIT, usage=None,
    ),
    responses("cut off", written("Hello."), kind=FailureKind.TRUNCATED, usage=None),
    responses("in one piece", body=json.dumps(response(output=OUTPUT)).encode(), reasoning="Hm.",
              sources=("https://terns.example/a",)),
    responses("shapes that it never has", written(None), {"type": 3}, {"type": "response.completed"}, written("Hello."),
              over()),
)  # fmt: skip

# Gemini


def gemini(name: str, *chunks: dict[str, Any], body: bytes = b"", **fields: Any) -> Stream:
    lines = "".join(f"data: {json.dumps(chunk)}\r\n\r\n" for chunk in chunks).encode()
    return Stream(f"Gemini: {name}", body or lines, **{"usage": (5, 9, 14), **fields}, protocol="gemini")


def parts(*given: Any, finish: str | None = None, **more: Any) -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": list(given)}, "index": 0} | more
    return {"candidates": [candidate | ({"finishReason": finish} if finish else {})], "modelVersion": "gemini-2.5-pro"}


COUNTS = {
    "usageMetadata": {
        "promptTokenCount": 5, "candidatesTokenCount": 2, "thoughtsTokenCount": 7, "totalTokenCount": 14,
        "cachedContentTokenCount": 3,
    }
}  # fmt: skip
WEB = {"groundingChunks": [{"web": {"uri": "https://terns.example/a", "title": "Terns"}}, {}, {"web": None}]}
HELLO = {"text": "Hello."}

GEMINI = (
    gemini("text", parts({"text": "Hel"}), parts({"text": "lo."}, finish="STOP") | COUNTS,
           more={"cached_tokens": 3, "reasoning_tokens": 7}),
    gemini("thoughts", parts({"text": "Hm.", "thought": True}), parts(HELLO, finish="STOP") | COUNTS, reasoning="Hm."),
    gemini("its longest", parts(HELLO, finish="MAX_TOKENS") | COUNTS, finish="length"),
    gemini("stopped for safety", parts(HELLO, finish="SAFETY") | COUNTS, finish="content_filter"),
    gemini("a refused prompt", {"promptFeedback": {"blockReason": "SAFETY"}} | COUNTS, text="",
           kind=FailureKind.BAD_REQUEST),
    gemini("sources", parts(HELLO, finish="STOP", groundingMetadata=WEB) | COUNTS,
           sources=("https://terns.example/a",)),
    gemini("a tool", parts(HELLO, {"functionCall": {"name": "f", "args": {}}}, finish="STOP") | COUNTS),
    gemini("counts of their own", parts(HELLO, finish="STOP"), COUNTS),
    gemini("cut off", parts({"text": "Hello."}), kind=FailureKind.TRUNCATED, usage=None),
    gemini("an error midway", parts({"text": "Hel"}), {"error": {"code": 503, "message": "Overloaded."}}, text="Hel",
           kind=FailureKind.SERVER, usage=None),
    gemini("in one piece", body=json.dumps(parts(HELLO, finish="STOP") | COUNTS).encode()),
    gemini("shapes that it never has", {"candidates": None}, {"candidates": [3]}, parts(None, {"text": 3}),
           {"usageMetadata": 3}, parts(HELLO, finish="STOP") | COUNTS),
)  # fmt: skip

# Ollama


def ollama(name: str, *lines: dict[str, Any], body: bytes = b"", **fields: Any) -> Stream:
    text = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
    return Stream(f"Ollama: {name}", body or text, **{"usage": (26, 9, 35), **fields}, protocol="ollama")


def line(text: Any = "", **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": text} | more
    return {"model": "llama3.2", "created_at": "2026-01-01T12:00:00Z", "message": message, "done": False}


def last(text: str = "", reason: str | None = "stop") -> dict[str, Any]:
    counts = {"total_duration": 5, "prompt_eval_count": 26, "eval_count": 9}
    return line(text) | {"done": True, "done_reason": reason} | counts


OLLAMA = (
    ollama("text", line("Hel"), line("lo."), last()),
    ollama("thinking", line(thinking="Hm."), line("Hello."), last(), reasoning="Hm."),
    ollama("no last line end", body="\n".join(map(json.dumps, (line("Hello."), last()))).encode()),
    ollama("empty lines", body=f"{json.dumps(line('Hello.'))}\r\n\r\n{json.dumps(last())}\r\n".encode()),
    ollama("text in the last line", last("Hello.")),
    ollama("an old version without a reason", line("Hello."), last(reason=None)),
    ollama("its longest", line("Hello."), last(reason="length"), finish="length"),
    ollama("a tool", line("Hello.", tool_calls=[{"function": {"name": "f", "arguments": {}}}]), last()),
    ollama("cut off", line("Hello."), kind=FailureKind.TRUNCATED, usage=None),
    ollama("an error midway", line("Hel"), {"error": "an error was encountered while running the model"}, text="Hel",
           kind=FailureKind.SERVER, usage=None),
    ollama("a letter in two pieces", line("Gr\ud83d"), line("\udc26üße"), last(), text="Gr🐦üße"),
    ollama("shapes that it never has", {"message": None}, {"message": 3}, line(None), line("Hello."), last()),
)  # fmt: skip

VENDOR_STREAMS = (*ANTHROPIC, *RESPONSES, *GEMINI, *OLLAMA)
