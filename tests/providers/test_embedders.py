"""Models that make vectors: the packaged one, those in a folder, and providers, which may send anything."""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
from array import array
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from raw_server import answer, serving
from safetensors.numpy import load_file, save_file

from sterna.providers import Endpoint
from sterna.providers.embedder import EmbedderError
from sterna.providers.endpoint_embedder import EndpointEmbedder
from sterna.providers.endpoint_provider import EndpointProvider
from sterna.providers.process_embedder import ProcessEmbedder
from sterna.providers.static_model import PACKAGE, find_model, load_model
from tests.tiny_model import SIZE, write_model


def similarity(one: bytes, other: bytes) -> float:
    return sum(a * b for a, b in zip(array("f", one), array("f", other), strict=True))


def test_the_packaged_model_knows_meaning_without_the_network() -> None:
    model = load_model(find_model(PACKAGE))
    question, near, far = model.embed(
        ["my car does not start in the morning", "automobile engine will not turn over", "recipe for tomato sauce"]
    )
    assert similarity(question, question) == pytest.approx(1, abs=1e-5)
    assert similarity(question, near) > 0.3 > 0.15 > similarity(question, far)
    assert model.embed([""]) == [b""]


def test_models_of_other_programs_are_read_from_a_folder(tmp_path: Path) -> None:
    plain = load_model(find_model(str(write_model(tmp_path / "plain"))))
    (expected,) = plain.embed(["the Automobile"])
    assert len(expected) == 4 * SIZE
    table = load_file(tmp_path / "plain" / "model.safetensors")["embeddings"]
    for name, tensors in {
        "sentence-transformers": {"embedding.weight": table},
        "half": {"embeddings": table.astype(np.float16)},
        "mapped": {
            "embeddings": table[::-1].copy(),
            "mapping": np.arange(len(table))[::-1].copy(),
            "weights": np.full(len(table), 0.5, np.float32),
        },
    }.items():
        folder = write_model(tmp_path / name / "0_StaticEmbedding")
        save_file(tensors, str(folder / "model.safetensors"))
        model = load_model(find_model(str(tmp_path / name)))
        (vector,) = model.embed(["the Automobile"])
        assert similarity(vector, expected) == pytest.approx(1, abs=1e-3), name
        assert model.key != plain.key
    assert plain.embed(["nothing of this is known"]) == [b""]


async def test_a_model_in_a_process_of_its_own_survives_its_end_and_whoever_waits_no_more(tmp_path: Path) -> None:
    folder = str(write_model(tmp_path))
    here = load_model(find_model(folder))
    embedder = await ProcessEmbedder.start(folder)
    try:
        assert embedder.key == here.key
        assert await embedder.embed(["a car", "", "ülkü"]) == here.embed(["a car", "", "ülkü"])
        left = asyncio.create_task(embedder.embed(["bread"] * 50))
        await asyncio.sleep(0)
        left.cancel()
        assert await embedder.embed(["a car"]) == here.embed(["a car"])
        assert embedder._process is not None
        os.kill(embedder._process.pid, signal.SIGKILL)
        with suppress(EmbedderError):  # its end is noticed before this, or by this
            await embedder.embed(["a car"])
        assert await embedder.embed(["a car"]) == here.embed(["a car"])
    finally:
        await embedder.aclose()
    with pytest.raises(EmbedderError, match="There is no folder"):
        await ProcessEmbedder.start(str(tmp_path / "nowhere"))


BROKEN: dict[str, tuple[dict[str, Any] | bytes, str]] = {
    "other names": ({"layer.0": np.zeros((3, 4), np.float32)}, "no table of that name"),
    "one row": ({"embeddings": np.zeros(4, np.float32)}, "do not fit"),
    "weights": ({"embeddings": np.zeros((3, 4), np.float32), "weights": np.zeros(9, np.float32)}, "do not fit"),
    "mapping": ({"embeddings": np.zeros((3, 4), np.float32), "mapping": np.array([7])}, "do not fit"),
    "no such file": (b"something else", "is not a static model"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_folder_that_is_no_model_is_refused_with_a_sentence(tmp_path: Path, name: str) -> None:
    tensors, sentence = BROKEN[name]
    folder = write_model(tmp_path)
    if isinstance(tensors, bytes):
        (folder / "model.safetensors").write_bytes(tensors)
    else:
        save_file(tensors, str(folder / "model.safetensors"))
    with pytest.raises(EmbedderError, match=sentence):
        load_model(find_model(str(folder)))
    (folder / "tokenizer.json").write_text("{}")
    write_model(tmp_path / "good")
    (tmp_path / "good" / "tokenizer.json").write_text("{}")
    with pytest.raises(EmbedderError, match=r"tokenizer\.json cannot be read"):
        load_model(find_model(str(tmp_path / "good")))
    (folder / "model.safetensors").unlink()
    with pytest.raises(EmbedderError, match="beside a tokenizer"):
        find_model(str(folder))


def vectors(*rows: object) -> bytes:
    data = [{"index": number, "embedding": row} for number, row in enumerate(rows)]
    return answer("200 OK", json.dumps({"data": data}))


async def embedded(*answers: bytes, texts: int = 2, protocol: str = "") -> tuple[list[list[bytes]], list[Any]]:
    """Return the vectors that a provider gives, request by request, and the requests."""
    async with serving(*answers) as server:
        endpoint = Endpoint("acme", server.url, protocol=protocol, key=lambda: "key-1")
        provider = EndpointProvider(endpoint)
        embedder = EndpointEmbedder(provider, "vec-1")
        try:
            given = [await embedder.embed([f"text {number}" for number in range(texts)]) for _ in answers or (b"",)]
            return given, server.requests
        finally:
            await provider.aclose()


async def test_a_provider_is_asked_as_openai_is_and_its_order_counts() -> None:
    data = [{"index": 1, "embedding": [0, 2]}, {"index": 0, "embedding": [3.0, 4.0]}]
    (given,), (seen,) = await embedded(answer("200 OK", json.dumps({"data": data})))
    assert [list(array("f", raw)) for raw in given] == [pytest.approx([0.6, 0.8]), [0, 1]]
    assert seen.line == "POST /v1/embeddings HTTP/1.1"
    assert seen.headers["authorization"] == "Bearer key-1"
    assert seen.json == {"model": "vec-1", "input": ["text 0", "text 1"], "encoding_format": "float"}
    with pytest.raises(EmbedderError, match="offers no embeddings"):
        await embedded(protocol="anthropic")


LIES = {
    "too few": (vectors([1, 0]), "1 vectors for 2 texts"),
    "too many": (vectors([1, 0], [1, 0], [1, 0]), "3 vectors for 2 texts"),
    "another length": (vectors([1, 0], [1, 0, 0]), "different lengths"),
    "not a number": (vectors([1, 0], [1, math.nan]), "not a number"),
    "endless": (vectors([1, 0], [1, 10**400]), "not a number"),
    "text": (vectors([1, 0], [1, "0"]), "not a number"),
    "true": (vectors([1, 0], [1, True]), "not a number"),
    "zeros": (vectors([1, 0], [0, 0]), "a vector of zeros"),
    "empty": (vectors([1, 0], []), "not a vector"),
    "huge": (vectors([1] * 5000, [1] * 5000), "not a vector"),
    "none": (answer("200 OK", '{"data": null}'), "not a list of vectors"),
    "one place": (
        answer("200 OK", '{"data": [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [1]}]}'),
        "told",
    ),
    "no JSON": (answer("200 OK", "<html>"), "sent"),
    "refused": (answer("401 Unauthorized", '{"error": {"message": "bad key"}}'), "key"),
    "wait": (answer("429 Too Many Requests", "{}", "Retry-After: 7"), "acme"),
}


@pytest.mark.parametrize("name", LIES)
async def test_what_a_provider_makes_up_is_refused_with_a_sentence(name: str) -> None:
    response, sentence = LIES[name]
    with pytest.raises(EmbedderError, match=sentence) as raised:
        await embedded(response)
    assert "key-1" not in str(raised.value)
    assert raised.value.wait == (7 if name == "wait" else None)


async def test_vectors_of_one_model_have_one_length() -> None:
    with pytest.raises(EmbedderError, match="different lengths"):
        await embedded(vectors([1, 0], [0, 1]), vectors([1, 0, 0], [0, 1, 0]))
