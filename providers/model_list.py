"""Parsing of ``GET /models``, in the formats of the providers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .events import Model
from .model_traits import traits_of

NOT_FOR_CHAT = (
    "embed", "whisper", "tts", "dall-e", "moderation", "transcribe", "rerank", "gpt-image", "imagen", "sora", "veo-",
    "davinci-", "babbage-", "realtime", "-ocr", "bge-", "stable-diffusion",
)  # fmt: skip
"""Parts of ids of models that do not chat: most providers list all models without saying so."""


def models(endpoint: str, payload: object, context_length: int | None = None) -> list[Model] | None:
    """Return the models that chat, in the provider's order; ``None`` if ``payload`` is not a list of models."""
    rows = _rows(payload)
    if rows is None:
        return None
    by_id = {model.id: (model, row) for row in rows for model in _model(endpoint, row, context_length)}
    chat_models = [model for model, row in by_id.values() if _can_chat(model.id, row)]
    return chat_models or [model for model, _ in by_id.values()]


def _rows(payload: object) -> list[Any] | None:
    """Return the rows: ``{"data": […]}`` of most providers, ``{"models": […]}`` of Ollama, a bare list of Together."""
    if isinstance(payload, list):
        return payload
    if isinstance(payload, Mapping):
        for key in ("data", "models"):
            rows = payload.get(key)
            if isinstance(rows, list):
                return rows
        if payload.get("object") == "list":  # an Ollama without models sends data: null
            return []
    return None


def _model(endpoint: str, row: object, context_length: int | None) -> Iterator[Model]:
    if isinstance(row, str):
        row = {"id": row}
    if not isinstance(row, Mapping):
        return
    ids = (row.get(key) for key in ("id", "model", "name"))
    model_id = next((value for value in ids if isinstance(value, str) and value.strip()), None)
    if model_id is None:
        return
    model_id = model_id.removeprefix("models/")  # Google's prefix, which it does not require
    names = (row.get(key) for key in ("name", "display_name", "displayName"))
    texts = (value for value in names if isinstance(value, str) and value.strip())
    yield Model(
        endpoint,
        model_id,
        next((text for text in texts if text.removeprefix("models/") != model_id), ""),
        context_length or _context(row),
        traits=traits_of(row),
    )


def _context(row: Mapping[str, Any]) -> int | None:
    """Return the context length, under the names of OpenRouter, LM Studio, vLLM, Groq, Mistral, Google, llama.cpp."""
    meta = row.get("meta")
    top = row.get("top_provider")
    mappings = (row, meta if isinstance(meta, Mapping) else {}, top if isinstance(top, Mapping) else {})
    names = (
        "context_length",
        "loaded_context_length",
        "max_context_length",
        "max_model_len",
        "context_window",
        "n_ctx",
        "n_ctx_train",
        "inputTokenLimit",
    )
    for name in names:
        for mapping in mappings:
            value = mapping.get(name)
            if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31:
                return value
    return None


def _can_chat(model_id: str, row: Mapping[str, Any] | object) -> bool:
    row = row if isinstance(row, Mapping) else {}
    architecture = row.get("architecture")
    outputs = architecture.get("output_modalities") if isinstance(architecture, Mapping) else None
    if isinstance(outputs, list) and outputs:
        return "text" in outputs
    if row.get("type") in ("embeddings", "embedding", "rerank", "image", "moderation", "audio"):
        return False
    return not any(part in model_id.lower() for part in NOT_FOR_CHAT)
