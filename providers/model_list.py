"""The models in an answer to ``GET /models``, in the shapes of the servers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .events import Model
from .model_traits import traits_of

NOT_FOR_CHAT = (
    "embed", "whisper", "tts", "dall-e", "moderation", "transcribe", "rerank", "gpt-image", "imagen", "sora", "veo-",
    "davinci-", "babbage-", "realtime", "-ocr", "bge-", "stable-diffusion",
)  # fmt: skip
"""Parts of the ids of models that do not chat; servers list them all together and seldom say."""


def models(endpoint: str, payload: object, context_length: int | None = None) -> list[Model] | None:
    """Models that chat, in the server's order; ``None`` when this is not a list of models."""
    rows = _rows(payload)
    if rows is None:
        return None
    made = {model.id: (model, row) for row in rows for model in _model(endpoint, row, context_length)}
    chatting = [model for model, row in made.values() if _chats(model.id, row)]
    return chatting or [model for model, _ in made.values()]


def _rows(payload: object) -> list[Any] | None:
    """``{"data": […]}`` of nearly all, ``{"models": […]}`` of Ollama's own API, a bare list of Together."""
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
    model_id = next((one for one in ids if isinstance(one, str) and one.strip()), None)
    if model_id is None:
        return
    model_id = model_id.removeprefix("models/")  # Google's; it takes them without
    names = (row.get(key) for key in ("name", "display_name", "displayName"))
    name = next((one for one in names if isinstance(one, str) and one.strip()), "")
    yield Model(
        endpoint,
        model_id,
        "" if name.removeprefix("models/") == model_id else name,
        context_length or _context(row),
        traits=traits_of(row),
    )


def _context(row: Mapping[str, Any]) -> int | None:
    """OpenRouter's, LM Studio's, vLLM's, Groq's, Mistral's and Google's names of it, and llama.cpp's ``meta``."""
    meta = row.get("meta")
    top = row.get("top_provider")
    places = (row, meta if isinstance(meta, Mapping) else {}, top if isinstance(top, Mapping) else {})
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
        for place in places:
            value = place.get(name)
            if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31:
                return value
    return None


def _chats(model_id: str, row: Mapping[str, Any] | object) -> bool:
    row = row if isinstance(row, Mapping) else {}
    architecture = row.get("architecture")
    outputs = architecture.get("output_modalities") if isinstance(architecture, Mapping) else None
    if isinstance(outputs, list) and outputs:
        return "text" in outputs
    if row.get("type") in ("embeddings", "embedding", "rerank", "image", "moderation", "audio"):
        return False
    return not any(part in model_id.lower() for part in NOT_FOR_CHAT)
