"""The package ``llm`` with a plugin, in a process of its own: where it is installed, its models are in every chat.

It is installed with ``make clients``; without it these tests are skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PACKAGES = Path(sys.prefix) / "llm"
SCRIPT = """
import asyncio, json
from sterna.providers import ChatMessage, ImagePart, Request
from sterna.providers.llm_extra import llm_models

package = llm_models()
picture = ImagePart("image/png", b"picture of a tern")
asked = {
    "plain": Request("echo", (ChatMessage("system", "Be brief."), ChatMessage("user", "Hello", (picture,)))),
    "thinks": Request("echo", (ChatMessage("user", "Hello"),), parameters={"thinking": True, "unknown": 1}),
    "keyless": Request("echo-needs-key", (ChatMessage("user", "Hello"),)),
    "unknown": Request("nope", (ChatMessage("user", "Hello"),)),
}

async def events(request):
    return [[type(event).__name__, *event._asdict().values()] if hasattr(event, "_asdict")
            else [type(event).__name__, event.text] async for event in package.stream(request)]

async def main():
    found = {name: await events(request) for name, request in asked.items()}
    found["models"] = [[model.ref, *model.traits.input_modalities] for model in await package.models()]
    print(json.dumps(found))

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    if not (PACKAGES / ".ready").exists():
        pytest.skip("llm is not installed: make clients")
    home = tmp_path_factory.mktemp("llm")
    environ = {"PATH": os.environ["PATH"], "HOME": str(home), "LLM_USER_PATH": str(home), "PYTHONPATH": str(PACKAGES)}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def text(events: list[list[Any]], kind: str = "Delta") -> str:
    return "".join(event[1] for event in events if event[0] == kind)


def test_its_models_are_listed_with_what_they_take(found: dict[str, Any]) -> None:
    assert ["llm/echo", "text", "image"] in found["models"]
    assert "llm/gpt-4o" in [ref for ref, *_ in found["models"]]


def test_a_model_of_a_plugin_gets_the_whole_request_and_its_counts_are_read(found: dict[str, Any]) -> None:
    echoed = json.loads(text(found["plain"]))
    assert echoed["prompt"] == "Be brief.\n\nHello"
    assert [file["type"] for file in echoed["attachments"]] == ["image/png"]
    assert [event[0] for event in found["plain"][-2:]] == ["Usage", "Done"]
    assert found["plain"][-2][1] > 0


def test_reasoning_is_told_from_text_and_options_of_the_model_are_sent(found: dict[str, Any]) -> None:
    assert text(found["thinks"], "Reasoning") == "First I consider the prompt, then I decide what to say."
    assert json.loads(text(found["thinks"]))["prompt"] == "Hello"


def test_what_is_missing_is_said_with_what_to_do(found: dict[str, Any]) -> None:
    (keyless,), (unknown,) = found["keyless"], found["unknown"]
    assert (keyless[:2], "llm keys set" in keyless[2]) == (["Failed", "auth"], True)
    assert (unknown[:2], "no model “nope”" in unknown[2]) == (["Failed", "not_found"], True)
