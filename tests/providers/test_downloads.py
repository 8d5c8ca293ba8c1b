"""Downloads of models by Ollama: progress over all layers, and errors in plain words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from failing import QUICK
from raw_server import answer, serving

from sterna.chat import download_text
from sterna.providers import Catalog, Endpoint, FailureKind, ProviderError
from sterna.providers.downloads import Meter, Progress
from tests.chat.scripted_model import ScriptedModel

LAYERS: list[dict[str, Any]] = [
    {"status": "pulling manifest"},
    {"status": "pulling aa", "digest": "sha256:aa", "total": 1_000_000_000},
    {"status": "pulling aa", "digest": "sha256:aa", "total": 1_000_000_000, "completed": 250_000_000},
    {"status": "pulling aa", "digest": "sha256:aa", "total": 1_000_000_000, "completed": 1_000_000_000},
    {"status": "pulling bb", "digest": "sha256:bb", "total": 2_000_000_000, "completed": 500_000_000},
    {"status": "verifying sha256 digest"},
    {"status": "success"},
]
TAGS = {"models": [{"name": "llama3.2:latest", "model": "llama3.2:latest"}]}


def lines(*payloads: object) -> bytes:
    text = "".join(json.dumps(payload) + "\n" for payload in payloads)
    return answer("200 OK", text, "Content-Type: application/x-ndjson")


def catalog(url: str) -> Catalog:
    endpoint = Endpoint("ollama", url.removesuffix("/v1"), label="Ollama", protocol="ollama")
    return Catalog([endpoint], guide=ScriptedModel("guide"), timeouts=QUICK)


async def test_a_model_is_downloaded_and_is_in_the_list_then() -> None:
    async with serving(lines(*LAYERS), answer("200 OK", TAGS), answer("200 OK", {})) as server:
        found = catalog(server.url)
        steps = [progress async for progress in found.downloads.pull("ollama/llama3.2")]
        assert server.requests[0].line.split()[:2] == ["POST", "/api/pull"]
        assert server.requests[0].json == {"model": "llama3.2", "stream": True}
        assert [model.ref for model in found.known()] == ["ollama/llama3.2:latest"]
        assert (found.downloads.is_absent("ollama/llama3.2"), found.downloads.is_absent("ollama/other")) == (
            False,
            True,
        )
        await found.aclose()
    assert [(step.completed, step.total) for step in steps][1:5] == [
        (0, 10**9), (250_000_000, 10**9), (10**9, 10**9), (1_500_000_000, 3 * 10**9),
    ]  # fmt: skip
    assert (steps[0].status, steps[-1].status) == ("pulling manifest", "success")


@pytest.mark.parametrize(
    ("raw", "kind", "says"),
    [
        (lines({"error": "pull model manifest: file does not exist"}), "not_found", "no model named “x” to download"),
        (answer("400 Bad Request", {"error": "invalid model name"}), "not_found", "no model named “x”"),
        (lines(*LAYERS[:3], {"error": "write /x: no space left on device"}), "server", "The disk of Ollama is full"),
        (lines({"error": "dial tcp: lookup registry.ollama.ai: no such host"}), "network", "cannot reach the library"),
        (lines({"error": "requires a newer version of Ollama"}), "server", "too old for “x”"),
        (lines({"error": "\x1b[31mwhat?"}), "server", "could not download “x”: “[31mwhat?”"),
        (lines(*LAYERS[:4]), "truncated", "Start it again: it continues"),
        (answer("200 OK", "<html>"), "malformed", "not about a download: “<html>”"),
        (answer("401 Unauthorized", "no"), "auth", "Ollama"),
    ],
)
async def test_a_download_that_fails_says_what_to_do(raw: bytes, kind: str, says: str) -> None:
    async with serving(raw) as server:
        found = catalog(server.url)
        with pytest.raises(ProviderError) as raised:
            _ = [step async for step in found.downloads.pull("ollama/x")]
        await found.aclose()
    assert raised.value.failure.kind == kind
    assert says in str(raised.value)


async def test_only_servers_that_download_models_are_asked() -> None:
    found = Catalog([Endpoint("acme", "http://127.0.0.1:1/v1", label="Acme")], guide=ScriptedModel("guide"))
    with pytest.raises(ProviderError, match="Acme downloads no models") as raised:
        _ = [step async for step in found.downloads.pull("acme/x")]
    assert raised.value.failure.kind is FailureKind.UNCONFIGURED
    await found.aclose()


def test_what_was_there_before_does_not_count_for_the_rate() -> None:
    meter, layer = Meter(), {"status": "pulling", "digest": "sha256:aa", "total": 1000}
    assert meter.add({**layer, "completed": 800}, 10.0).rate is None
    assert meter.add({**layer, "completed": 850}, 11.0) == Progress("pulling", 850, 1000, 50.0)
    assert meter.add({**layer, "completed": 900}, 12.0).seconds_left == 2.0
    assert meter.add({**layer, "completed": 700}, 13.0).completed == 900
    assert meter.add({"digest": "sha256:bb", "total": "many", "completed": -4}, 14.0).total == 1000


@pytest.mark.parametrize(
    ("progress", "shown"),
    [
        (Progress("pulling manifest"), "pulling manifest"),
        (Progress("", 0, 0), "asking the server"),
        (Progress("pulling aa", 0, 2_019_000_000), "0 B of 2.0 GB, 0%"),
        (
            Progress("pulling aa", 10**9, 2 * 10**9, 4e7),
            "1.0 GB of 2.0 GB, 50%, 40 MB/s, 25 s left",
        ),
        (Progress("pulling", 1, 40_000_000_000, 1_000_000.0), "1 B of 40.0 GB, 0%, 1 MB/s, 11 h left"),
        (Progress("verifying sha256 digest", 5_000, 5_000, 1.0), "verifying sha256 digest (5 kB are there)"),
    ],
)
def test_progress_is_said_in_words(progress: Progress, shown: str) -> None:
    assert download_text(progress) == shown
