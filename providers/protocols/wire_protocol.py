"""What a wire protocol is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from ..endpoint import Endpoint
from ..events import Model, Request
from ..options import Options
from ..quirks import Quirks


class Translator(ABC):
    """Translation of one reply into chunks of the OpenAI chat API. It keeps what is needed between two of them."""

    is_complete = False
    """True once the provider has marked the end of the reply."""

    @property
    def opaque(self) -> Any:
        """Return what the provider wants back with the results of the tools that the reply asks for."""
        return None

    @abstractmethod
    def chunks(self, payload: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """Yield the chunks of one event of a stream, which may have any shape."""

    @abstractmethod
    def whole(self, payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the object of a reply that was not streamed; None if ``payload`` is none."""


class WireProtocol(ABC):
    """Paths, headers, body and response of one API. It has no state."""

    is_lines: ClassVar[bool] = False
    """True where a stream is a JSON object on each line instead of server-sent events."""
    default_path: ClassVar[str] = "/v1"
    """Path of an address that has none."""
    dropped: ClassVar[tuple[str, ...]] = ("/chat/completions",)
    """Ends of an address that are not part of its base: it was copied with the path of a request, or of another API."""
    embeddings_path: ClassVar[str] = "/embeddings"
    """Path of requests for vectors of texts, as OpenAI has them; empty where there are none."""
    pull_path: ClassVar[str] = ""
    """Path of requests to download a model to the server; empty where there are none."""
    searches_web: ClassVar[bool] = False
    """True where the provider searches the web if the parameter ``web_search`` is true."""
    renamed: ClassVar[Mapping[str, str]] = {}
    """Names of parameters for people, by those of this API."""

    @abstractmethod
    def reply_path(self, model: str, *, stream: bool) -> str:
        """Return the path of a request for a reply, behind the endpoint's address."""

    @property
    def list_path(self) -> str:
        """Return the path of the list of models."""
        return "/models"

    @abstractmethod
    def key_headers(self, key: str | None) -> dict[str, str]:
        """Return the headers that carry the key, and others that the API demands."""

    @abstractmethod
    def body(self, request: Request, options: Options, quirks: Quirks) -> dict[str, Any]:
        """Return the body of a request for a reply."""

    @abstractmethod
    def translator(self) -> Translator:
        """Return the translator of one reply."""

    @abstractmethod
    def models(self, endpoint: Endpoint, payload: object) -> list[Model] | None:
        """Return the models that chat; None if ``payload`` is not a list of models."""

    def details(self, model: Model) -> tuple[str, Mapping[str, Any]] | None:
        """Return path and body of a request for what the list does not say about a model; None where there is none."""
        return None

    def with_details(self, model: Model, payload: Mapping[str, Any]) -> Model:
        """Return a model with the details in the response to that request."""
        return model
