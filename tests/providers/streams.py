"""Responses of model servers as bytes, in the variations that exist, and the reply that each means."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from sterna.providers import (
    Citations,
    Delta,
    Done,
    Event,
    Failed,
    FailureKind,
    Reasoning,
    Reclassified,
    Tool,
    ToolRequests,
    Usage,
)

TOOLS = tuple(Tool(name, "", {"type": "object"}) for name in ("look", "list_files"))


@dataclass(frozen=True)
class Got:
    """Reply, assembled from its events."""

    text: str
    reasoning: str
    end: Done | Failed
    usage: Usage | None
    sources: tuple[str, ...]
    calls: ToolRequests | None = None

    @classmethod
    def of(cls, events: list[Event]) -> Got:
        text = reasoning = ""
        usage, sources, calls = None, (), None
        for event in events:
            match event:
                case Delta(more):
                    text += more
                case Reasoning(more):
                    reasoning += more
                case Reclassified("reasoning"):
                    text, reasoning = "", reasoning + text
                case Reclassified():
                    text, reasoning = text + reasoning, ""
                case Usage():
                    usage = event
                case ToolRequests():
                    calls = event
                case Citations(listed):
                    sources = tuple(item.url for item in listed)
        end = events[-1]
        assert isinstance(end, Done | Failed)
        return cls(text, reasoning, end, usage, sources, calls)


@dataclass(frozen=True)
class Stream:
    """Variation of a response."""

    name: str
    body: bytes
    text: str = "Hello."
    reasoning: str = ""
    finish: str = "stop"
    kind: FailureKind | None = None
    says: str = ""
    usage: tuple[int, int, int] | None = None
    more: dict[str, Any] = field(default_factory=dict)
    protocol: str = ""
    sources: tuple[str, ...] = ()
    calls: tuple[tuple[str, str, Any], ...] = ()
    """Id, name and arguments of the calls, where the request offers :data:`TOOLS`."""
    opaque: Any = None


def data(*payloads: Any, end: bool = True, gap: str = "\n\n", head: str = "data: ") -> bytes:
    lines = [item if isinstance(item, str) else json.dumps(item) for item in payloads] + (["[DONE]"] if end else [])
    return "".join(f"{head}{line}{gap}" for line in lines).encode("utf-8", "surrogatepass")


def delta(content: Any = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    inner = ({} if content is None else {"content": content}) | more
    return {"id": "c-1", "model": "m-1", "choices": [{"index": 0, "delta": inner, "finish_reason": finish}]}


def bare(choice: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"choices": [choice]} | more


def counts(sent: int, received: int, **more: Any) -> dict[str, Any]:
    return {
        "choices": [],
        "usage": {"prompt_tokens": sent, "completion_tokens": received, "total_tokens": sent + received} | more,
    }


HE, LLO, STOP = delta("Hel"), delta("lo."), delta(finish="stop")
WHOLE = {"id": "c-1", "choices": [{"message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}]}


def whole(content: Any = "Hello.", finish: str | None = "stop", **more: Any) -> bytes:
    message = {"role": "assistant", "content": content} | more
    return json.dumps({"choices": [{"message": message, "finish_reason": finish}]}).encode()


FRAMES = (
    Stream(
        "as OpenAI sends it", data(delta(role="assistant", content=""), HE, LLO, STOP, counts(3, 2)), usage=(3, 2, 5)
    ),
    Stream("no space after the colon", data(HE, LLO, STOP, head="data:")),
    Stream("carriage returns", data(HE, LLO, STOP, gap="\r\n\r\n")),
    Stream("lone carriage returns", data(HE, LLO, STOP, gap="\r\r")),
    Stream("single line ends", data(HE, LLO, STOP, gap="\n")),
    Stream("a byte order mark", b"\xef\xbb\xbf" + data(HE, LLO, STOP)),
    Stream("blank lines before it", b"\n\n\r\n" + data(HE, LLO, STOP)),
    Stream("comments between", b": OPENROUTER PROCESSING\n\n" + data(HE, end=False) + b": ping\n\n" + data(LLO, STOP)),
    Stream("named events", b"event: message\nid: 7\nretry: 9\n" + data(HE, LLO, STOP)),
    Stream("pings as events", b"event: ping\ndata:\n\n" + data(HE, LLO, STOP)),
    Stream("[DONE] without a reason", data(HE, LLO)),
    Stream("a reason without [DONE]", data(HE, LLO, STOP, end=False)),
    Stream("no last blank line", data(HE, LLO, STOP, end=False).rstrip()),
    Stream("[DONE] without an end", data(HE, LLO, STOP).rstrip()),
    Stream("text after [DONE]", data(HE, LLO, STOP) + data(delta("more"))),
    Stream("an object in one piece", json.dumps(WHOLE).encode()),
    Stream("an object over several lines", json.dumps(WHOLE, indent=2).encode()),
    Stream("an object in a list", json.dumps([WHOLE]).encode()),
    Stream("an object as an event", data(WHOLE, end=False)),
    Stream("objects in lines", b"\n".join(json.dumps(item).encode() for item in (HE, LLO, STOP))),
    Stream("the old completions", data(bare({"text": "Hel"}), bare({"text": "lo.", "finish_reason": "stop"}))),
    Stream("messages in place of deltas", data(bare({"message": {"content": "Hello."}, "finish_reason": "stop"}))),
    Stream(
        "nulls everywhere", data(delta(None, tool_calls=None, refusal=None, reasoning=None, audio=None), HE, LLO, STOP)
    ),
    Stream("choices of null", data({"choices": None}, {"choices": [None]}, {}, HE, LLO, STOP)),
    Stream("an error of null", data(HE | {"error": None}, LLO | {"error": None}, STOP)),
    Stream(
        "a second choice", data(HE, LLO | {"choices": [*LLO["choices"], {"index": 1, "delta": {"content": "x"}}]}, STOP)
    ),
    Stream("a prompt filter first", data({"choices": [], "prompt_filter_results": [{}]}, HE, LLO, STOP)),
)

CONTENT = (
    Stream(
        "text parts", data(delta([{"type": "text", "text": "Hel"}]), delta([{"type": "text", "text": "lo."}]), STOP)
    ),
    Stream("a part as an object", data(delta({"text": "Hello."}), STOP)),
    Stream("a list of texts", data(delta(["Hel", "lo."]), STOP)),
    Stream(
        "Mistral's thinking",
        data(delta([{"type": "thinking", "thinking": [{"text": "Hm."}]}]), HE, LLO, STOP),
        reasoning="Hm.",
    ),
    Stream("reasoning", data(delta(reasoning="Hm."), HE, LLO, STOP), reasoning="Hm."),
    Stream("reasoning_content", data(delta(reasoning_content="Hm."), HE, LLO, STOP), reasoning="Hm."),
    Stream("reasoning twice", data(delta(reasoning="Hm.", reasoning_content="Hm."), HE, LLO, STOP), reasoning="Hm."),
    Stream(
        "reasoning_details",
        data(delta(reasoning_details=[{"type": "reasoning.text", "text": "Hm."}]), HE, LLO, STOP),
        reasoning="Hm.",
    ),
    Stream("a summary", data(delta(reasoning_details=[{"summary": "Hm."}]), HE, LLO, STOP), reasoning="Hm."),
    Stream(
        "encrypted reasoning",
        data(delta(reasoning_details=[{"type": "reasoning.encrypted", "data": "x"}]), HE, LLO, STOP),
    ),
    Stream("think tags", data(delta("<think>Hm."), delta("</think>\n\nHello."), STOP), reasoning="Hm."),
    Stream("think tags in pieces", data(*(delta(c) for c in "<think>Hm.</think>Hello."), STOP), reasoning="Hm."),
    Stream(
        "a closing tag alone", data(delta("Hm.\n"), delta("</th"), delta("ink>\n\nHello."), STOP), reasoning="Hm.\n"
    ),
    Stream("thought tags", data(delta("<thought>Hm.</thought>Hello."), STOP), reasoning="Hm."),
    Stream(
        "a second block", data(delta("<think>H</think>Hel"), delta("\n<think>m.</think>lo."), STOP), "Hel\nlo.", "Hm."
    ),
    Stream(
        "harmony",
        data(
            delta(
                "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Hello.<|return|>"
            ),
            STOP,
        ),
        reasoning="Hm.",
    ),
    Stream("tags in one piece", whole("<think>Hm.</think>Hello."), reasoning="Hm."),
    Stream("a closing tag in one piece", whole("Hm.</think>Hello."), reasoning="Hm."),
    Stream(
        "a pair of surrogates in two chunks",
        data('{"choices":[{"delta":{"content":"a \\ud83d"}}]}', '{"choices":[{"delta":{"content":"\\udc26!"}}]}', STOP),
        "a 🐦!",
    ),
    Stream("a pair of surrogates in one", data('{"choices":[{"delta":{"content":"\\ud83d\\udc26"}}]}', STOP), "🐦"),
    Stream("half a pair", data('{"choices":[{"delta":{"content":"a\\ud83d"}}]}', STOP), "a\ufffd"),
    Stream(
        "half a pair, then text", data('{"choices":[{"delta":{"content":"a\\ud83d"}}]}', delta("b"), STOP), "a\ufffdb"
    ),
    Stream(
        "surrogates in reasoning",
        data(
            '{"choices":[{"delta":{"reasoning":"\\ud83d"}}]}',
            '{"choices":[{"delta":{"reasoning":"\\udc26"}}]}',
            HE,
            LLO,
            STOP,
        ),
        reasoning="🐦",
    ),
    Stream("letters of every script", data(delta("Grüße 東京 می‌خواهم 🧑‍🚀"), STOP), "Grüße 東京 می‌خواهم 🧑‍🚀"),
    Stream(
        "bytes that are no text",
        data(HE, end=False) + b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n' + data(STOP),
        "Hel\ufffd",
    ),
    Stream("a refusal", data(delta(refusal="Hello."), STOP)),
    Stream("a refusal in one piece", whole(None, refusal="Hello.")),
    Stream(
        "text before a tool call",
        data(HE, LLO, delta(tool_calls=[{"function": {"name": "f"}}]), delta(finish="tool_calls")),
        finish="tool_calls",
    ),
)

ENDS = (
    *(
        Stream(f"the reason {word}", data(HE, LLO, delta(finish=word)), finish=finish)
        for word, finish in (
            ("stop", "stop"),
            ("STOP", "stop"),
            ("end_turn", "stop"),
            ("eos", "stop"),
            ("length", "length"),
            ("max_tokens", "length"),
            ("MAX_TOKENS", "length"),
            ("model_length", "length"),
            ("content_filter", "content_filter"),
            ("SAFETY", "content_filter"),
            ("RECITATION", "content_filter"),
            ("refusal", "content_filter"),
            ("tool_calls", "tool_calls"),
            ("tool_use", "tool_calls"),
            ("insufficient_system_resource", "insufficient_system_resource"),
        )
    ),
    Stream("a reason on every chunk", data(delta("Hel", "stop"), delta("lo.", "stop"), STOP)),
    Stream("an empty reason", data(delta("Hel", ""), delta("lo.", ""), STOP)),
    Stream("a reason beside the last text", data(HE, delta("lo.", "stop"))),
    Stream("a reason, then text", data(HE, delta("", "stop"), LLO)),
    Stream("a reason in one piece", whole(finish="length"), finish="length"),
    Stream("no reason in one piece", whole(finish=None)),
)

COUNTS = (
    Stream("zeros at the end", data(HE, LLO, STOP | {"usage": counts(9, 4)["usage"]}, counts(0, 0)), usage=(9, 4, 13)),
    Stream(
        "growing counts",
        data(HE | {"usage": counts(9, 1)["usage"]}, LLO | {"usage": counts(9, 2)["usage"]}, STOP),
        usage=(9, 2, 11),
    ),
    Stream(
        "the newer names",
        data(HE, LLO, STOP, {"choices": [], "usage": {"input_tokens": 9, "output_tokens": 4}}),
        usage=(9, 4, 13),
    ),
    Stream(
        "half of the counts",
        data(HE | {"usage": {"prompt_tokens": 9}}, LLO, STOP, {"usage": {"completion_tokens": 4}}),
        usage=(9, 4, 13),
    ),
    Stream("Groq's place", data(HE, LLO, STOP | {"x_groq": {"usage": counts(9, 4)["usage"]}}), usage=(9, 4, 13)),
    Stream(
        "a place in the choice",
        data(HE, LLO, bare({"delta": {}, "finish_reason": "stop", "usage": counts(9, 4)["usage"]})),
        usage=(9, 4, 13),
    ),
    Stream("null counts", data(HE | {"usage": None}, LLO, STOP, {"choices": [], "usage": {"prompt_tokens": None}})),
    Stream(
        "strange counts", data(HE, LLO, STOP, {"choices": [], "usage": {"prompt_tokens": "9", "completion_tokens": -1}})
    ),
    Stream("a cost", data(HE, LLO, STOP, counts(9, 4, cost=0.0042)), usage=(9, 4, 13), more={"cost": 0.0042}),
    Stream(
        "a cost as an object",
        data(HE, LLO, STOP, counts(9, 4, cost={"total_cost": 0.5})),
        usage=(9, 4, 13),
        more={"cost": 0.5},
    ),
    Stream(
        "cached tokens",
        data(HE, LLO, STOP, counts(9, 4, prompt_tokens_details={"cached_tokens": 7})),
        usage=(9, 4, 13),
        more={"cached_tokens": 7},
    ),
    Stream(
        "DeepSeek's cache",
        data(HE, LLO, STOP, counts(9, 4, prompt_cache_hit_tokens=7)),
        usage=(9, 4, 13),
        more={"cached_tokens": 7},
    ),
    Stream(
        "reasoning tokens",
        data(HE, LLO, STOP, counts(9, 4, completion_tokens_details={"reasoning_tokens": 3})),
        usage=(9, 4, 13),
        more={"reasoning_tokens": 3},
    ),
    Stream(
        "a cost, then zeros",
        data(HE, LLO, STOP, counts(9, 4, cost=0.5), counts(0, 0, cost=0)),
        usage=(9, 4, 13),
        more={"cost": 0.5},
    ),
    Stream(
        "annotations",
        data(
            HE, delta("lo.", annotations=[{"type": "url_citation", "url_citation": {"url": "https://a.example"}}]), STOP
        ),
        sources=("https://a.example",),
    ),
    Stream(
        "Perplexity's citations",
        data(
            HE | {"citations": ["https://a.example", "https://b.example"]},
            LLO | {"citations": ["https://a.example"]},
            STOP,
        ),
        sources=("https://a.example", "https://b.example"),
    ),
    Stream(
        "search results",
        data(HE, LLO, STOP | {"search_results": [{"title": "A", "url": "https://a.example"}]}),
        sources=("https://a.example",),
    ),
    Stream(
        "addresses that are none", data(HE, LLO | {"citations": ["javascript:x", 5, None, {"url": "file:///x"}]}, STOP)
    ),
)


def broken(name: str, body: bytes, kind: FailureKind, says: str, text: str = "", reasoning: str = "") -> Stream:
    return Stream(name, body, text, reasoning, kind=kind, says=says)


E, T, M, S = FailureKind.EMPTY, FailureKind.TRUNCATED, FailureKind.MALFORMED, FailureKind.SERVER
TOOL = {"tool_calls": [{"index": 0, "id": "x", "function": {"name": "get_weather", "arguments": "{}"}}]}
FAILURES = (
    broken("a tool call only", data(delta(**TOOL), delta(finish="tool_calls")), E, "the tool “get_weather”"),
    broken(
        "a tool call in pieces",
        data(delta(**TOOL), delta(tool_calls=[{"function": {"arguments": "{"}}]), delta(finish="tool_calls")),
        E,
        "“get_weather”",
    ),
    broken("a tool call in one piece", whole(None, "tool_calls", **TOOL), E, "“get_weather”"),
    broken("a tool call with the reason stop", data(delta(**TOOL), STOP), E, "“get_weather”"),
    broken(
        "an old function call",
        data(delta(function_call={"name": "f"}), delta(finish="function_call")),
        E,
        "the tool “f”",
    ),
    broken("a tool without a name", data(delta(tool_calls=[{"function": {}}]), STOP), E, "asked for a tool"),
    broken(
        "length used up by reasoning",
        data(delta(reasoning="Hm."), delta(finish="length")),
        E,
        "while reasoning",
        reasoning="Hm.",
    ),
    broken(
        "length used up inside of a tag",
        data(delta("<think>Hm."), delta(finish="length")),
        E,
        "while reasoning",
        reasoning="Hm.",
    ),
    broken("length before a word", data(delta(finish="length")), E, "before the first word"),
    broken("reasoning only", data(delta(reasoning="Hm."), STOP), E, "without an answer", reasoning="Hm."),
    broken("an image only", data(delta(images=[{"image_url": {"url": "data:"}}]), STOP), E, "an image only"),
    broken("an image as a part", whole([{"type": "image_url", "image_url": {"url": "data:"}}]), E, "an image only"),
    broken("sound only", data(delta(audio={"data": "x"}), STOP), E, "sound only"),
    broken("null content", whole(None), E, "an empty reply"),
    broken("empty content", whole(""), E, "an empty reply"),
    broken("blank content", data(delta(" \n"), STOP), E, "an empty reply", text=" \n"),
    broken("no choices", json.dumps({"choices": []}).encode(), E, "an empty reply"),
    broken("only a role", data(delta(role="assistant"), STOP), E, "an empty reply"),
    broken("a filter before a word", data(delta(finish="content_filter")), FailureKind.BAD_REQUEST, "content filter"),
    broken("nothing at all", b"", T, "before a reply came"),
    broken("only [DONE]", data(), T, "before a reply came"),
    broken("an end in mid-reply", data(HE, end=False), T, "broke off", "Hel"),
    broken("an end in mid-event", data(HE, end=False) + b'data: {"choices":[{"delta":{"cont', T, "broke off", "Hel"),
    broken("an end in mid-tag", data(delta("Hel</thi"), end=False), T, "broke off", "Hel</thi"),
    broken("garbage", data(HE, "{not json"), M, "not a chat reply", "Hel"),
    broken("a number", data(HE, "17"), M, "not a chat reply", "Hel"),
    broken("a page", b"<!doctype html><html>Sign in</html>", M, "web page"),
    broken("prose", b"Internal Server Error", M, "not a chat reply"),
    broken("half of an object", b'{"choices": [{"mess', M, "not a chat reply"),
    broken("JSON that is no reply", b'{"hello": 1}', M, "not a chat reply"),
    broken(
        "an error in mid-stream", data(HE, {"error": {"message": "GPU on fire", "code": 500}}), S, "GPU on fire", "Hel"
    ),
    broken("an error as text", data(HE, {"error": "the GPU is gone"}), S, "the GPU is gone", "Hel"),
    broken(
        "an error event",
        data(HE, end=False) + b'event: error\ndata: {"message": "overloaded"}\n\n',
        S,
        "overloaded",
        "Hel",
    ),
    broken(
        "an error in a choice",
        data(HE, bare({"delta": {}, "error": {"message": "GPU on fire", "code": 502}, "finish_reason": "error"})),
        S,
        "GPU on fire",
        "Hel",
    ),
    broken("the reason error", data(HE, delta(finish="error")), S, "could not reply", "Hel"),
    broken(
        "an error of Anthropic's form",
        data({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
        S,
        "Overloaded",
    ),
    broken(
        "an error in one piece",
        b'{"error": {"message": "Rate limit reached", "code": 429}}',
        FailureKind.RATE_LIMIT,
        "Rate limit reached",
    ),
    broken("a detail in one piece", b'{"detail": "GPU on fire"}', S, "GPU on fire"),
)

STREAMS = (*FRAMES, *CONTENT, *ENDS, *COUNTS, *FAILURES)
