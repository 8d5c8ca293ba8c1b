"""Wire protocols of providers: how a request is written and its response read.

Each is one module. A translator turns the chunks of a response into those of the OpenAI chat API, so that one parser
knows how replies begin, stop, fail and are cut off.
"""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType

from .wire_protocol import WireProtocol

PROTOCOLS = MappingProxyType(
    {
        "openai": ("openai_chat", "OpenAIChat"),
        "openrouter": ("openai_chat", "OpenRouter"),
        "openai-responses": ("openai_responses", "OpenAIResponses"),
        "anthropic": ("anthropic", "Anthropic"),
        "gemini": ("gemini", "Gemini"),
        "ollama": ("ollama", "Ollama"),
    }
)
"""Module and class of each protocol, by its name in config.toml."""

HOSTS = MappingProxyType(
    {
        "api.anthropic.com": "anthropic",
        "generativelanguage.googleapis.com": "gemini",
        "openrouter.ai": "openrouter",
    }
)
"""Protocols of known hosts, where the settings name none."""


def protocol_named(name: str, host: str = "") -> WireProtocol:
    """Return the protocol of that name, or without a name that of a host. Raises ValueError for an unknown one."""
    name = name or HOSTS.get(host, "openai")
    if name not in PROTOCOLS:
        raise ValueError(f"There is no protocol “{name}”. There are {', '.join(PROTOCOLS)}.")
    module, kind = PROTOCOLS[name]
    protocol: WireProtocol = getattr(import_module(f".{module}", __name__), kind)()
    return protocol
