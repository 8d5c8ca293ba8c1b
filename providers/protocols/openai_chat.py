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
from ..usage import is_map
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


class OpenRouter(OpenAIChat):
    """The same API at OpenRouter, which searches the web for any model."""

    searches_web = True

    def body(self, request: Request, options: Options, quirks: Quirks) -> dict[str, Any]:
        body = super().body(request, options, quirks)
        if body.pop("web_search", None):
            plugins = body.get("plugins")
            body["plugins"] = [*(plugins if isinstance(plugins, list) else ()), {"id": "web"}]
        return body


class Untranslated(Translator):
    """Chunks that are those of the chat API already."""

    def __init__(self) -> None:
        self._thoughts: list[str] = []
        self._details: list[dict[str, Any]] = []

    def chunks(self, payload: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        choices = payload.get("choices")
        for choice in choices[:1] if isinstance(choices, list) else ():
            message = (choice.get("delta") or choice.get("message")) if is_map(choice) else None
            if is_map(message):
                self._keep(message)
        yield payload

    def whole(self, payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
        return next(iter(self.chunks(payload))) if isinstance(payload.get("choices"), list) else None

    @property
    def opaque(self) -> Any:
        """Return the reasoning: OpenRouter has it signed, DeepSeek and others refuse the results without it."""
        if self._details:
            return {"reasoning_details": self._details}
        return {"reasoning_content": "".join(self._thoughts)} if self._thoughts else None

    def _keep(self, message: Mapping[str, Any]) -> None:
        if isinstance(thought := message.get("reasoning_content"), str) and thought:
            self._thoughts.append(thought)
        details = message.get("reasoning_details")
        for piece in filter(is_map, details if isinstance(details, list) else ()):
            last = self._details[-1] if self._details else {}
            is_other = any(piece.get(name) != last.get(name) for name in ("index", "type"))
            is_other = is_other or piece.get("id") not in (None, last.get("id"))
            if piece.get("index") is None or is_other:
                self._details.append(dict(piece))
                continue
            for name, value in piece.items():
                is_more = name in ("text", "summary", "data") and isinstance(value, str)
                if is_more and isinstance(last.get(name), str):
                    last[name] += value
                elif value is not None:
                    last[name] = value
