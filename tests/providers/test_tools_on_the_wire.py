"""Tools, the model's calls and their results are sent as each protocol documents them."""

from __future__ import annotations

from typing import Any

import pytest
from raw_server import answer, piece, serving, sse
from test_vendor_requests import PICTURE, WHOLE, asked, endpoint
from vendor_streams import MESSAGE

from sterna.providers import ChatMessage, Delta, Done, Failed, ParametersOmitted, Request, Tool, ToolRequest
from sterna.providers.endpoint_provider import EndpointProvider

SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}
CALLS = (ToolRequest("c1", "look", '{"path": "a"}'), ToolRequest("c2", "look", "{not json"))
REQUEST = Request(
    "m-1",
    (
        ChatMessage("user", "What is in a?"),
        ChatMessage("assistant", "I look.", tool_requests=CALLS),
        ChatMessage("tool", "A tern.", (PICTURE,), tool_id="c1"),
        ChatMessage("tool", "There is no b.", tool_id="c2"),
    ),
    tools=(Tool("look", "Look at a file.", SCHEMA),),
)
GOOD = {"openai": sse(piece("Hi", finish="stop")), "anthropic": answer("200 OK", MESSAGE), **WHOLE}
IMAGES = "Images in the results above:"
URI = "data:image/png;base64,iVBORw=="
FUNCTION = {"name": "look", "description": "Look at a file.", "parameters": SCHEMA}


async def body(protocol: str, opaque: Any = None, request: Request = REQUEST, **more: Any) -> Any:
    """Return the body of a request in which the model's message has what the protocol wants back."""
    messages = [each._replace(opaque=opaque) if each.tool_requests else each for each in request.messages]
    good = GOOD[protocol]
    seen, events = await asked(protocol, request._replace(messages=tuple(messages), **more), "/v1", good)
    assert isinstance(events[-1], Done), events[-1]
    return seen.json


async def test_the_chat_api_has_results_as_text_and_images_after_them() -> None:
    sent = await body("openai", {"reasoning_content": "Hm."})
    assert sent["tools"] == [{"type": "function", "function": FUNCTION}]
    assert sent["messages"][1:] == [
        {
            "role": "assistant",
            "content": "I look.",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"path":"a"}'}},
                {"id": "c2", "type": "function", "function": {"name": "look", "arguments": "{}"}},
            ],
            "reasoning_content": "Hm.",
        },
        {"role": "tool", "tool_call_id": "c1", "content": "A tern."},
        {"role": "tool", "tool_call_id": "c2", "content": "There is no b."},
        {
            "role": "user",
            "content": [{"type": "text", "text": IMAGES}, {"type": "image_url", "image_url": {"url": URI}}],
        },
    ]


@pytest.mark.parametrize("protocol", GOOD)
async def test_a_definition_that_a_vendor_would_refuse_is_told_as_far_as_all_take_it(protocol: str) -> None:
    tool = Tool("look", "é" * 2_000, {**SCHEMA, "anyOf": [{"required": ["path"]}], "not": {}})
    sent = await body(protocol, tools=(tool,))
    (told,) = sent["tools"]
    told = told.get("function") or told.get("functionDeclarations", [told])[0]
    assert next(value for name, value in told.items() if "arameters" in name or "schema" in name) == SCHEMA
    assert len(told["description"]) == (2_000 if protocol in ("anthropic", "gemini") else 1_024)


async def test_a_call_without_text_has_none_and_a_signature_goes_back_with_it() -> None:
    signed = {"google": {"thought_signature": "c2ln"}}
    call = CALLS[0]._replace(opaque=signed)
    sent = await body(
        "openai", request=REQUEST._replace(messages=(ChatMessage("assistant", "", tool_requests=(call,)),))
    )
    assert sent["messages"][0]["content"] is None
    assert sent["messages"][0]["tool_calls"][0]["extra_content"] == signed


async def test_anthropic_has_results_in_the_next_turn_and_signed_thinking_before_the_call() -> None:
    sent = await body("anthropic", parameters={"web_search": True})
    search, tool = sent["tools"]
    assert search["name"] == "web_search"
    assert tool == {"name": "look", "description": "Look at a file.", "input_schema": SCHEMA}
    _, turn, results = sent["messages"]
    assert turn["content"] == [
        {"type": "text", "text": "I look."},
        {"type": "tool_use", "id": "c1", "name": "look", "input": {"path": "a"}},
        {"type": "tool_use", "id": "c2", "name": "look", "input": {}, "cache_control": {"type": "ephemeral"}},
    ]
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}}
    assert results == {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "c1", "content": [image, {"type": "text", "text": "A tern."}]},
            {"type": "tool_result", "tool_use_id": "c2", "content": [{"type": "text", "text": "There is no b."}]},
        ],
    }
    blocks = [{"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}, {"type": "tool_use", "id": "c1"}]
    sent = await body("anthropic", blocks)
    assert sent["messages"][1]["content"] == [blocks[0], {**blocks[1], "cache_control": {"type": "ephemeral"}}]
    assert "cache_control" not in blocks[1]


async def test_responses_have_calls_and_results_as_items_and_ask_for_sealed_reasoning() -> None:
    sent = await body("openai-responses", model="gpt-5")
    assert sent["tools"] == [{"type": "function", **FUNCTION, "strict": False}]
    assert sent["include"] == ["reasoning.encrypted_content"]
    assert sent["input"][1:5] == [
        {"role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": '{"path":"a"}'},
        {"type": "function_call", "call_id": "c2", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "A tern."},
    ]
    assert sent["input"][-1]["content"][1] == {"type": "input_image", "image_url": URI}
    items = [{"type": "reasoning", "summary": [], "encrypted_content": "gAA"}, {"type": "function_call"}]
    sent = await body("openai-responses", items)
    assert sent["input"][1:3] == items
    assert "include" not in sent


async def test_gemini_has_results_by_name_and_its_own_parts_back() -> None:
    sent = await body("gemini", parameters={"web_search": True})
    function = {"name": "look", "description": "Look at a file.", "parametersJsonSchema": SCHEMA}
    assert sent["tools"] == [{"functionDeclarations": [function]}]
    assert sent["contents"][1:] == [
        {
            "role": "model",
            "parts": [
                {"text": "I look."},
                {"functionCall": {"name": "look", "args": {"path": "a"}}},
                {"functionCall": {"name": "look", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"name": "look", "response": {"result": "A tern."}}},
                {"functionResponse": {"name": "look", "response": {"result": "There is no b."}}},
                {"inlineData": {"mimeType": "image/png", "data": "iVBORw=="}},
                {"text": IMAGES},
            ],
        },
    ]
    own = [
        {"functionCall": {"name": "look", "args": {}}, "thoughtSignature": "c2ln"},
        {"functionCall": {"name": "look", "args": {}, "id": "c2"}},
    ]
    sent = await body("gemini", own)
    assert sent["contents"][1]["parts"] == own
    assert [part["functionResponse"].get("id") for part in sent["contents"][2]["parts"][:2]] == [None, "c2"]


async def test_ollama_has_arguments_as_objects_and_results_by_name() -> None:
    sent = await body("ollama", {"thinking": "Hm."})
    assert sent["tools"] == [{"type": "function", "function": FUNCTION}]
    assert sent["messages"][1:] == [
        {
            "role": "assistant",
            "content": "I look.",
            "tool_calls": [
                {"function": {"name": "look", "arguments": {"path": "a"}}},
                {"function": {"name": "look", "arguments": {}}},
            ],
            "thinking": "Hm.",
        },
        {"role": "tool", "content": "A tern.", "tool_name": "look"},
        {"role": "tool", "content": "There is no b.", "tool_name": "look"},
        {"role": "user", "content": IMAGES, "images": ["iVBORw=="]},
    ]


REFUSALS = (
    ("ollama", "400 Bad Request", {"error": "registry.ollama.ai/library/gemma3:4b does not support tools"}),
    ("openai", "400 Bad Request", '"auto" tool choice requires --enable-auto-tool-choice'),
    ("openai", "404 Not Found", "No endpoints found that support tool use. Try disabling \"look\"."),
    ("openai", "400 Bad Request", "`tool calling` is not supported with this model"),
    ("openai", "500 Internal Server Error", "tools param requires --jinja flag"),
    ("openai", "400 Bad Request", "deepseek-reasoner does not support Function Calling"),
    ("openai", "400 Bad Request", "Unrecognized request argument supplied: tools"),
    ("openai", "422 Unprocessable Entity", {"detail": [{"loc": ["body", "tools"], "msg": "Extra inputs"}]}),
    ("gemini", "400 Bad Request", "Function calling is not enabled for models/gemma-3-1b-it"),
    ("openai-responses", "400 Bad Request", "Tool use is not supported by this model."),
    ("anthropic", "400 Bad Request", "This model does not support tool use."),
)  # fmt: skip


@pytest.mark.parametrize(("protocol", "status", "refusal"), REFUSALS)
async def test_a_model_without_tools_is_asked_without_them_and_that_is_said(
    protocol: str, status: str, refusal: Any
) -> None:
    told = ChatMessage("assistant", "It is a tern."), ChatMessage("user", "Thanks.")
    request = REQUEST._replace(messages=(*REQUEST.messages, *told))
    refused = answer(status, {"error": {"message": refusal}} if isinstance(refusal, str) else refusal)
    good = GOOD[protocol]
    async with serving(refused, good, good) as server:
        provider = EndpointProvider(endpoint(server, protocol, "/v1"))
        events = [event async for event in provider.stream(request)]
        again = [event async for event in provider.stream(request)]
        plain = [event async for event in provider.stream(request._replace(tools=()))]
        await provider.aclose()
    assert isinstance(events[-1], Done), events[-1]
    assert any(isinstance(event, Delta) for event in events)
    said = [[each for each in run if isinstance(each, ParametersOmitted)] for run in (events, again, plain)]
    assert said == [[ParametersOmitted(("tools",))], [ParametersOmitted(("tools",))], []]
    assert "tools" in server.requests[0].json
    for seen in server.requests[1:3]:
        assert "tools" not in seen.json
        sent = str(seen.json)
        assert "I look." in sent
        assert not any(word in sent for word in ("c1", "A tern.", "tool", "function"))


async def test_a_tool_that_a_provider_cannot_read_is_named_in_the_error_and_the_others_stay_known() -> None:
    refusal = "Invalid schema for function 'look': In context=(), object schema missing properties."
    refused = answer("400 Bad Request", {"error": {"message": refusal, "param": "tools[0].function.parameters"}})
    async with serving(refused) as server:
        provider = EndpointProvider(endpoint(server, "openai", "/v1"))
        events = [event async for event in provider.stream(REQUEST)]
        await provider.aclose()
    assert len(server.requests) == 1
    (failed,) = events
    assert isinstance(failed, Failed)
    assert "Invalid schema for function 'look'" in failed.message
