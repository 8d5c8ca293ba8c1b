"""Names of models that reason before they answer."""

from __future__ import annotations

import pytest

from sterna.providers.model_names import names_thinker


@pytest.mark.parametrize(
    "name",
    [
        "ollama/qwq",
        "ollama/qwen3:8b",
        "openrouter/deepseek/deepseek-r1-0528",
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B",
        "lmstudio/Qwen3-30B-A3B-Thinking-2507",
        "magistral-small-2506",
        "microsoft/phi-4-reasoning-plus",
        "z-ai/glm-4.5-air",
        "gpt-oss:20b",
    ],
)
def test_models_that_reason_are_known_by_name(name: str) -> None:
    assert names_thinker(name)


@pytest.mark.parametrize(
    "name", ["ollama/llama3.2", "openai/gpt-4o-mini", "qwen3-4b-instruct-2507", "mistral-small", "test/model", "r10"]
)
def test_other_models_are_not(name: str) -> None:
    assert not names_thinker(name)
