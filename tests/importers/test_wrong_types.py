"""Histories in which anything may be anything: what can be read is read, and nothing raises."""

from __future__ import annotations

from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from altered import alter_file, check
from hypothesis import given
from hypothesis import strategies as st

from sterna.importers.files import open_tree
from sterna.importers.registry import readers
from tests.generated import examples

SAMPLES = Path(__file__).parent / "samples"
FOLDERS = {
    "claude_code": "claude-code",
    "codex": "codex",
    "copilot_cli": "copilot-cli",
    "copilot_vscode": "copilot",
    "cursor": "cursor",
    "gemini_cli": "gemini-cli",
    "opencode": "opencode",
    "pi": "pi",
    "qwen": "qwen",
    "aichat": "aichat",
    "aider": "aider",
    "cline": "cline",
    "cline_sdk": "cline",
    "crush": "crush",
    "goose": "goose",
    "chatgpt_classic": "chatgpt",
    "chatgpt_2026": "chatgpt",
    "claude_ai": "claude",
    "elia": "elia",
    "gptme": "gptme",
    "llm": "llm",
    "lmstudio": "lm-studio",
    "markdown": "markdown",
    "openai": "openai",
    "oterm": "oterm",
    "parllama": "parllama",
    "sharegpt": "sharegpt",
    "openwebui": "open-webui",
    "librechat": "librechat",
    "jan": "jan",
    "cherry_studio": "cherry-studio",
    "betterchatgpt": "betterchatgpt",
    "chatbot_ui": "chatbot-ui",
    "typingmind": "typingmind",
    "ai_studio": "ai-studio",
    "gemini_takeout": "gemini",
}
"""Readers by the folder of their samples."""


@pytest.mark.parametrize("folder", FOLDERS)
@given(seed=st.integers(0, 2**32))
@examples(15)
def test_wrong_types_raise_nothing(folder: str, seed: int) -> None:
    reader = readers().named(FOLDERS[folder])
    assert reader is not None
    random = Random(seed)
    with TemporaryDirectory() as name:
        for file in (SAMPLES / folder).rglob("*"):
            if file.is_file():
                alter_file(file, Path(name, file.relative_to(SAMPLES / folder)), random)
        with open_tree(SAMPLES / folder) as whole:
            units = reader.detect(whole)
        assert units
        with open_tree(Path(name)) as tree:
            reader.detect(tree)
            for path in units:
                for item in reader.read(tree, path):
                    check(item)
