"""Responses that ask for tools, as vendors document and servers send them, and the calls that each means."""

from __future__ import annotations

import json
from typing import Any

from streams import HE, LLO, STOP, Stream, bare, counts, data, delta, whole
from vendor_streams import (
    BEGUN,
    CLOSED,
    COUNTS,
    HEL,
    HELLO,
    LO,
    PART,
    STOPPED,
    SUMMARY,
    THINKING,
    anthropic,
    block,
    ended,
    gemini,
    last,
    line,
    ollama,
    over,
    parts,
    response,
    responses,
    written,
)

LOOK: Any = {"path": "a b", "depth": 2}
LIST: Any = {"in": "é"}
TWO = (("c1", "look", LOOK), ("c2", "list_files", LIST))
ONE = TWO[:1]
CALLED = delta(finish="tool_calls")


def call(arguments: Any = None, index: int | None = None, **more: Any) -> dict[str, Any]:
    """Return a piece of a call; ``name`` and ``id`` are left out where they are not given."""
    function = {"arguments": arguments} if arguments is not None else {}
    if (name := more.pop("name", None)) is not None:
        function["name"] = name
    return ({} if index is None else {"index": index}) | more | {"function": function}


def piece(*calls: dict[str, Any], **more: Any) -> dict[str, Any]:
    return delta(tool_calls=list(calls), **more)


def tools(name: str, *chunks: Any, body: bytes = b"", **fields: Any) -> Stream:
    fields = {"text": "", "finish": "tool_calls", "calls": TWO, **fields}
    return Stream(f"tools: {name}", body or data(*chunks), **fields)


A, B = json.dumps(LOOK), json.dumps(LIST, ensure_ascii=False)
FIRST, SECOND = call("", 0, id="c1", name="look"), call("", 1, id="c2", name="list_files")
WHOLE_CALLS = [call(A, id="c1", name="look"), call(B, id="c2", name="list_files")]

CHAT = (
    tools(
        "as OpenAI sends them", piece(FIRST, role="assistant", content=None), piece(call(A[:4], 0)),
        piece(call(A[4:], 0)), piece(SECOND), piece(call(B, 1)), CALLED, counts(3, 2), usage=(3, 2, 5),
    ),
    tools("after text", HE, LLO, piece(FIRST), piece(call(A, 0)), CALLED, text="Hello.", calls=ONE),
    tools(
        "pieces of both by turns", piece(FIRST, SECOND), piece(call(A[:3], 0), call(B[:5], 1)),
        piece(call(B[5:], 1), call(A[3:], 0)), CALLED,
    ),
    tools("each in one piece", piece(*(row | {"index": at} for at, row in enumerate(WHOLE_CALLS))), CALLED),
    tools("without numbers", piece(WHOLE_CALLS[0]), piece(WHOLE_CALLS[1]), CALLED),
    tools("all with the number 0", *(piece(row | {"index": 0}) for row in WHOLE_CALLS), CALLED),
    tools(
        "name and id with each piece", *(piece(call(text, 0, id="c1", name="look")) for text in (A[:7], A[7:9], A[9:])),
        CALLED, calls=ONE,
    ),
    tools("another id with each piece", piece(FIRST), piece(call(A[:5], 0, id="x")), piece(call(A[5:], 0, id="y")),
          CALLED, calls=ONE),
    tools("without ids", piece(call(A, name="look")), piece(call(B, name="list_files")), CALLED,
          calls=tuple(("", *row[1:]) for row in TWO)),
    tools("the same tool twice with the number 0", piece(call(A, 0, name="look")), piece(call(B, 0, name="look")),
          CALLED, calls=(("", "look", LOOK), ("", "look", LIST))),
    tools("arguments as an object", piece(call(LOOK, 0, id="c1", name="look")), CALLED, calls=ONE),
    tools("arguments once more at the end", piece(FIRST), piece(call(A, 0)), piece(call(A, 0, id="c1", name="look")),
          CALLED, calls=ONE),
    tools("no arguments", piece(FIRST), CALLED, calls=(("c1", "look", {}),)),
    tools("the reason stop", piece(WHOLE_CALLS[0]), STOP, calls=ONE),
    tools("no reason", piece(WHOLE_CALLS[0]), calls=ONE),
    tools("an old function call", delta(function_call={"name": "look"}), delta(function_call={"arguments": A}),
          delta(finish="function_call"), calls=(("", *ONE[0][1:]),)),
    tools("a name as the model's template has it", piece(call(A, 0, id="c1", name="functions.look<|channel|>json")),
          CALLED, calls=ONE),
    tools("in one body", body=whole(None, "tool_calls", tool_calls=WHOLE_CALLS)),
    tools(
        "DeepSeek's reasoning", delta(reasoning_content="H"), delta(reasoning_content="m."), piece(WHOLE_CALLS[0]),
        CALLED, reasoning="Hm.", calls=ONE, opaque={"reasoning_content": "Hm."},
    ),
    tools(
        "OpenRouter's signed reasoning",
        delta(reasoning="H", reasoning_details=[{"type": "reasoning.text", "index": 0, "text": "H"}]),
        delta(reasoning="m.", reasoning_details=[{"type": "reasoning.text", "index": 0, "text": "m."}]),
        delta(reasoning_details=[{"type": "reasoning.text", "index": 0, "text": None, "signature": "c2ln"}]),
        piece(WHOLE_CALLS[0]), CALLED, reasoning="Hm.", calls=ONE,
        opaque={"reasoning_details": [{"type": "reasoning.text", "index": 0, "text": "Hm.", "signature": "c2ln"}]},
    ),
    tools("shapes that they never have", delta(tool_calls=[3, {}, {"function": 3}, {"index": "x", "function": {}}]),
          bare({"delta": {"tool_calls": 5}}), piece(WHOLE_CALLS[0]), CALLED, calls=ONE),
)  # fmt: skip

# In the protocols of their own

USE = {"type": "tool_use", "id": "c1", "name": "look", "input": {}}
SEARCH = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}
SIGNED_THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
SAID = {"type": "text", "text": "Hello."}
USED = {**USE, "input": LOOK}


def at(index: int, event: dict[str, Any], **content: Any) -> dict[str, Any]:
    return event | {"index": index} | ({"content_block": content} if content else {})


def item(kind: str, index: int, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.output_item.{kind}", "output_index": index, "item": fields}


THOUGHT: Any = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}], "encrypted_content": "gAA"}
FUNCTION = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": A}
MORE = {"type": "response.function_call_arguments.delta", "output_index": 2}
ASKED = {"functionCall": {"name": "look", "args": LOOK}}

VENDORS = (
    anthropic(
        "a tool that was offered", at(0, THINKING), at(0, block("thinking_delta", thinking="Hm.")),
        at(0, block("signature_delta", signature="c2ln")), at(0, CLOSED), at(1, BEGUN), at(1, HEL), at(1, LO),
        at(1, CLOSED), at(2, BEGUN, **SEARCH), at(2, block("input_json_delta", partial_json="{}")), at(2, CLOSED),
        at(3, BEGUN, **USE), at(3, block("input_json_delta", partial_json="")),
        *(at(3, block("input_json_delta", partial_json=text)) for text in (A[:9], A[9:])), at(3, CLOSED),
        ended("tool_use"), STOPPED, reasoning="Hm.", finish="tool_calls", calls=ONE,
        opaque=[SIGNED_THOUGHT, SAID, SEARCH, USED],
    ),
    anthropic("a tool without arguments", at(0, BEGUN, **USE), at(0, CLOSED), ended("tool_use"), STOPPED, text="",
              finish="tool_calls", calls=(("c1", "look", {}),), opaque=[USE]),
    anthropic(
        "a tool in one piece", body=json.dumps({
            "id": "msg_1", "model": "claude-1", "stop_reason": "tool_use", "content": [SIGNED_THOUGHT, USED],
            "usage": {"input_tokens": 3, "output_tokens": 2},
        }).encode(), text="", reasoning="Hm.", finish="tool_calls", calls=ONE, opaque=[SIGNED_THOUGHT, USED],
        usage=(3, 2, 5),
    ),
    responses(
        "tools", PART, SUMMARY, item("done", 0, id="rs_1", **THOUGHT), written("Hello."),
        item("added", 2, id="fc_1", status="in_progress", **(FUNCTION | {"arguments": ""})),
        *({**MORE, "delta": text} for text in (A[:5], A[5:])),
        item("done", 2, id="fc_1", status="completed", **FUNCTION), over(), reasoning="Hm.", finish="tool_calls",
        calls=ONE, opaque=[{"id": "rs_1", **THOUGHT}, {"id": "fc_1", "status": "completed", **FUNCTION}],
    ),
    responses(
        "tools in one piece",
        body=json.dumps(response(output=[
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": None},
            {"id": "fc_1", **FUNCTION}, {**FUNCTION, "call_id": "c2", "name": "list_files", "arguments": B},
        ])).encode(), text="", finish="tool_calls", calls=TWO,
        opaque=[FUNCTION, {**FUNCTION, "call_id": "c2", "name": "list_files", "arguments": B}],
    ),
    gemini(
        "tools that were offered", parts({"text": "Hm.", "thought": True}), parts(HELLO),
        parts({**ASKED, "thoughtSignature": "c2ln"}),
        parts({"functionCall": {"id": "c2", "name": "list_files", "args": LIST}}, finish="STOP") | COUNTS,
        reasoning="Hm.", finish="tool_calls", calls=(("", *ONE[0][1:]), TWO[1]),
        opaque=[HELLO, {**ASKED, "thoughtSignature": "c2ln"},
                {"functionCall": {"id": "c2", "name": "list_files", "args": LIST}}],
    ),


    ollama(
        "tools that were offered", line(thinking="Hm."),
        line(tool_calls=[call(LOOK, name="look"), call(LIST, name="list_files")]), last(), text="", reasoning="Hm.",
        finish="tool_calls", calls=tuple(("", *row[1:]) for row in TWO), opaque={"thinking": "Hm."},
    ),
)  # fmt: skip

TOOL_STREAMS = (*CHAT, *VENDORS)
