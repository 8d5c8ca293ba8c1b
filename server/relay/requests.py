"""Chat requests, and their validation. See docs/specification/endpoints.md#chat."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from sterna.providers import ChatMessage, ImagePart

from ..errors import ApiError
from ..http.request_schemas import NOT_BLANK, WHOLE, needs_one
from ..identity import Caller

MAX_TOKENS = {"anonymous": 5_000, "free": 10_000, "pro": 20_000, "enterprise": 50_000}
MAX_MESSAGE = 20_000


IMAGE_TOKENS = 1_500
"""Estimate for one image; services count between 85 and 3,000."""
MAX_IMAGES = 20
DATA_URI = (
    r"^data:image/(png|jpeg|webp|gif);base64,"
    r"([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$"
)


class Turn(BaseModel):
    """A message of the context."""

    role: Literal["user", "assistant", "system"]
    content: str
    id: str | None = None
    images: Annotated[list[Annotated[str, Field(pattern=DATA_URI)]], Field(max_length=MAX_IMAGES)] | None = Field(
        default=None, description="Images behind the text, as data URIs; only those of role `user` are passed on."
    )

    def image_parts(self) -> tuple[ImagePart, ...]:
        """Return the images to pass on."""
        if self.role != "user":
            return ()
        parts = ((uri.partition(";")[0], uri.partition(",")[2]) for uri in self.images or ())
        return tuple(ImagePart(start.removeprefix("data:"), b64decode(data)) for start, data in parts)


class Effort(BaseModel):
    """Reasoning effort of the model."""

    effort: Literal["low", "medium", "high"] = "medium"


class ChatRequest(BaseModel):
    """A message with its context. Unknown fields are ignored."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra=needs_one(message={"type": "string"} | NOT_BLANK, messages={"type": "array", "minItems": 1}),
    )

    message: str | None = None
    messages: list[Turn] | None = Field(None, description="Context; by default `message` alone.")
    model: str | None = Field(None, description="By default the server's default model.")
    temperature: Annotated[float, Field(ge=0, le=2)] | None = Field(
        None, description="Used if the profile has none, or if overrideProfile is true."
    )
    systemPrompt: str | None = Field(  # noqa: N815
        None, description="Used if the profile has none, or if overrideProfile is true."
    )
    overrideProfile: bool = Field(  # noqa: N815
        False, description="Prefer the temperature and system prompt of the request to those of the profile."
    )
    current_message_id: str | None = None
    attachmentIds: list[str] | None = Field(  # noqa: N815
        None, description="Not supported by this server.", json_schema_extra={"maxItems": 0}
    )
    draftId: str | None = None  # noqa: N815
    webSearch: bool | None = Field(None, description="Not supported by this server: 501.")  # noqa: N815
    webMaxResults: Annotated[int, Field(ge=1, le=10), WHOLE] | None = None  # noqa: N815
    reasoning: Effort | None = None
    imageOutput: bool | None = Field(None, description="Not supported by this server: 501.")  # noqa: N815

    def turns(self) -> list[Turn]:
        """Return the context. Raises bad_request without one."""
        if self.messages:
            return self.messages
        if self.message and self.message.strip():
            return [Turn(role="user", content=self.message)]
        raise ApiError("bad_request", "Send a message, or messages.")

    def prompt(self, profile_value: str | None) -> str | None:
        """Return the system prompt to add before the context; None if the context has its own."""
        if not self.overrideProfile:
            return profile_value or self.systemPrompt
        if self.systemPrompt or any(turn.role == "system" for turn in self.turns()):
            return self.systemPrompt
        return profile_value

    def effective_temperature(self, profile_value: float | None) -> float | None:
        """Return the temperature of the request; None for the model's default."""
        first, second = (profile_value, self.temperature)
        if self.overrideProfile:
            first, second = second, first
        return second if first is None else first

    def request_id(self) -> str | None:
        """Return the id of the message to reply to."""
        if self.current_message_id:
            return self.current_message_id
        text = (self.message or "").strip()
        ids = (turn.id for turn in reversed(self.messages or ()) if turn.id and text and turn.content.strip() == text)
        return next(ids, None)


def check(request: ChatRequest, caller: Caller) -> list[Turn]:
    """Return the context of a request. Raises ApiError if the caller may not make it."""
    turns = request.turns()
    if request.attachmentIds:
        if caller.identity.user_id is None:
            raise ApiError("auth_required", "Sign in to send attachments.")
        raise ApiError("bad_request", "This server does not support attachments. Send the text without them.")
    if request.webSearch and caller.tier not in ("pro", "enterprise"):
        raise ApiError("forbidden", "Web search requires the tier pro or enterprise.")
    if request.reasoning and caller.tier != "enterprise":
        raise ApiError("forbidden", "Reasoning requires the tier enterprise.")
    if request.imageOutput and caller.tier != "enterprise":
        raise ApiError("forbidden", "Image output requires the tier enterprise.")
    if request.webSearch:
        raise ApiError("not_implemented", "This server does not support web search. Try without it.")
    if request.imageOutput:
        raise ApiError("not_implemented", "This server does not support image output. Request text.")
    last = next((turn.content for turn in reversed(turns) if turn.role == "user"), "")
    if len(last) > MAX_MESSAGE:
        raise ApiError("payload_too_large", f"The message is longer than {MAX_MESSAGE:,} characters. Shorten it.")
    return turns


def check_size(messages: Sequence[ChatMessage], tier: str) -> None:
    """Raise bad_request if the texts together exceed the limit of the tier, payload_too_large if images do."""
    texts = -(-sum(len(message.content) for message in messages) // 4)
    images = sum(len(message.images) for message in messages) * IMAGE_TOKENS
    limit = MAX_TOKENS.get(tier, MAX_TOKENS["free"])
    if texts + images > limit:
        raise ApiError(
            "bad_request" if texts > limit else "payload_too_large",
            f"The request has about {texts + images:,} tokens. The limit of the tier {tier} is {limit:,}.",
        )
