"""Table of providers and what Sterna does with each, for README.md. The bodies that are sent say what there is."""

from __future__ import annotations

import json

from sterna.providers.events import ChatMessage, ImagePart, Request, Tool
from sterna.providers.options import Options
from sterna.providers.protocols import HOSTS, PROTOCOLS, protocol_named
from sterna.providers.protocols.wire_protocol import WireProtocol
from sterna.providers.quirks import Quirks

TITLES = {
    "openai": "OpenAI's chat API, and servers that understand it",
    "openrouter": "OpenRouter",
    "openai-responses": "OpenAI's Responses API",
    "anthropic": "Anthropic",
    "gemini": "Google Gemini",
    "ollama": "Ollama",
}
MODELS = {"gemini": "gemini-2.5-pro"}
"""Models that reason, where the name decides."""
PLAIN = Request("model", (ChatMessage("user", "Hello"),))
IMAGE = ImagePart("image/png", b"picture of a tern")
ABILITIES = {
    "effort": PLAIN._replace(reasoning_effort="high"),
    "images": PLAIN._replace(messages=(ChatMessage("user", "Hello", images=(IMAGE,)),)),
    "tools": PLAIN._replace(tools=(Tool("read", "Read a file.", {"type": "object", "properties": {}}),)),
    "JSON schema": PLAIN._replace(schema={"type": "object", "properties": {"name": {"type": "string"}}}),
    "web search": PLAIN._replace(parameters={"web_search": True}),
}
"""Requests that differ from the plain one in one thing that a provider may take."""


def protocols_table() -> str:
    """Return the providers and their abilities as a Markdown table."""
    columns = [*ABILITIES, "vectors"]
    rows = [f"| provider | `protocol` | {' | '.join(columns)} |", "|---" * (2 + len(columns)) + "|"]
    for name in PROTOCOLS:
        protocol = protocol_named(name)
        model = MODELS.get(name, PLAIN.model)
        has = [takes(protocol, request._replace(model=model)) for request in ABILITIES.values()]
        has.append(bool(protocol.embeddings_path))
        chosen = f"`{name}`" + (" (chosen for its host)" if name in HOSTS.values() else "")
        rows.append(f"| {TITLES[name]} | {chosen} | {' | '.join('yes' if each else '–' for each in has)} |")
    return "\n".join(rows)


def takes(protocol: WireProtocol, request: Request) -> bool:
    """Return whether a protocol sends what sets a request apart; what only passes through does not count."""
    plain = PLAIN._replace(model=request.model)
    with_it, without = (json.dumps(protocol.body(each, Options(), Quirks())) for each in (request, plain))
    passed = [json.dumps({name: value})[1:-1] for name, value in request.parameters.items()]
    return with_it != without and not any(each in with_it for each in passed)
