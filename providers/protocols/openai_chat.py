"""The chat API of OpenAI, which most providers speak."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .. import model_list
from ..endpoint import Endpoint
from ..events import Model, Request
from ..options import Options
from ..quirks import Quirks
from ..request_body import request_body
from .wire_protocol import Translator, WireProtocol


class OpenAIChat(WireProtocol):
    """``POST /chat/completions``."""

    def reply_path(self, model: str, *, stream: bool) -> str:
        return "/chat/completions"

    def key_headers(self, key: str | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {key}"} if key is not None else {}

    def body(self, request: Request, options: Options, quirks: Quirks) -> dict[str, Any]:
        return request_body(request, options, quirks)

    def translator(self) -> Translator:
        return Untranslated()

    def models(self, endpoint: Endpoint, payload: object) -> list[Model] | None:
        return model_list.models(endpoint.name, payload, endpoint.context_length)


class Untranslated(Translator):
    """Chunks that are those of the chat API already."""

    def chunks(self, payload: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        yield payload

    def whole(self, payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
        return payload if isinstance(payload.get("choices"), list) else None
