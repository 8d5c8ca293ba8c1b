"""Questions to a model, and the refusals that the request alone decides. See docs/specification/endpoints.md#chat."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..errors import ApiError
from ..http.request_schemas import NOT_BLANK, WHOLE, needs_one
from ..identity import Caller

MOST_TOKENS = {"anonymous": 5_000, "free": 10_000, "pro": 20_000, "enterprise": 50_000}
LONGEST_TEXT = 20_000


class Turn(BaseModel):
    """One message of the context."""

    role: Literal["user", "assistant", "system"]
    content: str
    id: str | None = None


class Effort(BaseModel):
    """How long the model may think."""

    effort: Literal["low", "medium", "high"] = "medium"


class ChatRequest(BaseModel):
    """A question with its context. Unknown fields are ignored."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra=needs_one(message={"type": "string"} | NOT_BLANK, messages={"type": "array", "minItems": 1}),
    )

    message: str | None = None
    messages: list[Turn] | None = Field(None, description="Without it, `message` alone is asked.")
    model: str | None = Field(None, description="Without it, the server's default.")
    temperature: Annotated[float, Field(ge=0, le=2)] | None = Field(
        None, description="A profile's own goes before it, unless overrideProfile is true."
    )
    systemPrompt: str | None = Field(  # noqa: N815
        None, description="A profile's own goes before it, unless overrideProfile is true."
    )
    overrideProfile: bool = Field(  # noqa: N815
        False, description="The temperature and system prompt of the request go before the profile's."
    )
    current_message_id: str | None = None
    attachmentIds: list[str] | None = Field(  # noqa: N815
        None, description="Not on this server.", json_schema_extra={"maxItems": 0}
    )
    draftId: str | None = None  # noqa: N815
    webSearch: bool | None = Field(None, description="Not on this server: refused with 501.")  # noqa: N815
    webMaxResults: Annotated[int, Field(ge=1, le=10), WHOLE] | None = None  # noqa: N815
    reasoning: Effort | None = None
    imageOutput: bool | None = Field(None, description="Not on this server: refused with 501.")  # noqa: N815

    def turns(self) -> list[Turn]:
        """The context; raises bad_request when there is none."""
        if self.messages:
            return self.messages
        if self.message and self.message.strip():
            return [Turn(role="user", content=self.message)]
        raise ApiError("bad_request", "Send a message, or messages.")

    def prompt(self, of_profile: str | None) -> str | None:
        """Return the system prompt to put before the context; the context may have one of its own."""
        if not self.overrideProfile:
            return of_profile or self.systemPrompt
        if self.systemPrompt or any(one.role == "system" for one in self.turns()):
            return self.systemPrompt
        return of_profile

    def warmth(self, of_profile: float | None) -> float | None:
        """Return the temperature to ask with; None for the model's own."""
        first, second = (of_profile, self.temperature)
        if self.overrideProfile:
            first, second = second, first
        return second if first is None else first

    def request_id(self) -> str | None:
        """The id of the message that is answered."""
        if self.current_message_id:
            return self.current_message_id
        wanted = (self.message or "").strip()
        same = (one.id for one in reversed(self.messages or ()) if one.id and wanted and one.content.strip() == wanted)
        return next(same, None)


def check(asked: ChatRequest, caller: Caller) -> list[Turn]:
    """The context of a request that this caller may make; raises ApiError."""
    turns = asked.turns()
    if asked.attachmentIds:
        if caller.identity.user_id is None:
            raise ApiError("auth_required", "Sign in to send attachments.")
        raise ApiError("bad_request", "This server does not support attachments. Send the text without them.")
    if asked.webSearch and caller.tier not in ("pro", "enterprise"):
        raise ApiError("forbidden", "Web search needs the tier pro or enterprise.")
    if asked.reasoning and caller.tier != "enterprise":
        raise ApiError("forbidden", "Reasoning needs the tier enterprise.")
    if asked.imageOutput and caller.tier != "enterprise":
        raise ApiError("forbidden", "Image output needs the tier enterprise.")
    if asked.webSearch:
        raise ApiError("not_implemented", "This server has no web search. Ask without it.")
    if asked.imageOutput:
        raise ApiError("not_implemented", "This server passes on no images. Ask for text.")
    last = next((one.content for one in reversed(turns) if one.role == "user"), "")
    if len(last) > LONGEST_TEXT:
        raise ApiError("payload_too_large", f"The message is longer than {LONGEST_TEXT:,} characters. Shorten it.")
    return turns


def measure(texts: list[str], tier: str) -> None:
    """Raises bad_request when these texts together are more than the tier may send."""
    estimated = -(-sum(map(len, texts)) // 4)
    most = MOST_TOKENS.get(tier, MOST_TOKENS["free"])
    if estimated > most:
        raise ApiError(
            "bad_request",
            f"The request is about {estimated:,} tokens long; the tier {tier} may send {most:,}. Send less context.",
        )
