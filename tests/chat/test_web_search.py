"""Whether a provider searches the web for the next request."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sterna.chat.parameter_origins import web_search
from sterna.providers import Catalog, Endpoint
from sterna.providers.options import Options
from tests.chat.scripted_model import ScriptedModel

GEMINI = Endpoint("a", "https://g.example", protocol="gemini")
ON = Options(parameters={"web_search": True})


@pytest.mark.parametrize(
    ("endpoint", "own", "searches"),
    [
        (Endpoint("a", "https://api.anthropic.com"), {}, False),
        (Endpoint("a", "https://openrouter.ai/api/v1"), {"parameters": {"web_search": True}}, True),
        (replace(GEMINI, options=ON), {}, True),
        (replace(GEMINI, model_options={"m": ON}), {"parameters": "odd"}, True),
        (replace(GEMINI, options=ON), {"parameters": {"web_search": False}}, False),
        (Endpoint("a", "http://127.0.0.1:11434", protocol="ollama", options=ON), {}, None),
        (Endpoint("a", "https://other.example/v1", options=ON), {"parameters": {"web_search": True}}, None),
    ],
)  # fmt: skip
def test_the_conversation_decides_where_the_provider_can(
    endpoint: Endpoint, own: dict[str, Any], searches: bool | None
) -> None:
    catalog = Catalog([endpoint], guide=ScriptedModel("guide"))
    assert web_search(own, catalog, "a/m") is searches
    assert web_search(own, catalog, "nobody/m") is None
