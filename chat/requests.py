"""Requests for a turn: the choice of model and parameters, and the messages that fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from sterna.config import unsendable
from sterna.providers import ChatMessage, Request
from sterna.storage import Invalid

from .context import (
    NOTHING_ATTACHED,
    OVERHEAD,
    UNKNOWN,
    fitting_calls,
    input_budget,
    select_messages,
    to_chat_messages,
    tokens_of,
)
from .estimates import CHARACTERS_PER_TOKEN, estimate_tokens
from .passages import sent_text
from .summaries import SETTING as SUMMARY
from .summaries import Summary, summarised
from .tool_history import NO_TEXT
from .tools import TOOLS

if TYPE_CHECKING:
    from sterna.config import Settings
    from sterna.providers import Catalog, Failed, Provider, Tool
    from sterna.storage import Attachment, AttachmentFiles, Message, NewTurn, Store, StoreThread

    from .attachments.sending import Attached

Effort = Literal["low", "medium", "high"]
EFFORTS: Mapping[object, Effort] = {"low": "low", "medium": "medium", "high": "high"}

SHORT_CONVERSATION = 1500
"""Characters that fit into every model: for fewer, its context length is not requested first."""

CONTINUE = "Continue your last reply exactly where it stops. Begin with its next characters, and repeat nothing."
"""Last message of a request for the rest of a reply."""
GO_ON = "Go on with your last reply. The results of its tools are above."
"""Last message where the reply was stopped behind a call."""


class Prepared(NamedTuple):
    """Request, and the part of the conversation that it has."""

    provider: Provider
    request: Request
    included: int
    """Messages of the conversation in the request."""
    left_out: int
    """Earlier messages that did not fit."""
    summary: Summary | None = None
    """Summary that is sent in place of earlier messages."""
    summary_cost: float | None = None
    """What making the summary has cost; None where it was there already."""
    has_no_summary: bool = False
    """True where a summary was wanted, and the model gave none."""

    def details(self) -> dict[str, Any]:
        """Return what the reply's metadata says about the request."""
        found: dict[str, Any] = {"left_out": self.left_out} if self.left_out else {}
        if self.summary is not None:
            found["summarised"] = self.summary.messages
            if self.summary_cost is not None:
                found |= {"summary": self.summary.text, "summary_cost": self.summary_cost}
        elif self.has_no_summary:
            found["summary_failed"] = True
        return found

    @property
    def size(self) -> int:
        """Estimated tokens of the messages."""
        return sum(map(tokens_of, self.request.messages))

    def reduced_budget(self, failure: Failed) -> int:
        """Return the budget, in estimated tokens, for repeating a request that was too long."""
        sent = self.size
        if failure.limit is not None:
            available = failure.limit - min(failure.limit // 4, 1000)  # the rest is for the reply
            # the provider's count tells how its tokens compare with the estimate
            scaled = sent * available // failure.tokens if failure.tokens else available * 3 // 5
            return max(1, min(sent * 2 // 3, scaled))
        return max(1, min(sent // 3, 3000))


class RequestOptions(NamedTuple):
    """Model and parameters of one turn."""

    ref: str
    """Model, ``provider/model``."""
    system_prompt: str = ""
    temperature: float | None = None
    max_tokens: int | None = None
    reasoning_effort: Effort | None = None
    parameters: Mapping[str, Any] = MappingProxyType({})
    """Further parameters under the provider's names."""
    schema: Mapping[str, Any] | None = None
    """JSON schema for the reply; None for free text."""
    summarises: bool = False
    """True to send a summary of earlier messages that do not fit, instead of leaving them out."""
    summary: Summary | None = None
    tools: tuple[str, ...] = ()
    """Names of the tools that the model may ask for: see :data:`chat.tools.TOOLS`."""

    @classmethod
    def choose(cls, own: Mapping[str, Any], settings: Settings, model: str = "", fallback: str = "") -> RequestOptions:
        """Return the options of a turn: its own ``model``, else the conversation's settings, else the general ones.

        The values of a conversation may come from another device, so their types are checked.
        """
        prompt = own.get("system_prompt")
        temperature = own.get("temperature")
        max_tokens = own.get("max_tokens")
        return cls(
            ref=model or _text(own.get("model")) or settings.model or fallback,
            system_prompt=prompt if isinstance(prompt, str) else settings.system_prompt,
            temperature=float(temperature) if isinstance(temperature, (int, float)) else settings.temperature,
            max_tokens=max_tokens if isinstance(max_tokens, int) else settings.max_tokens,
            reasoning_effort=EFFORTS.get(own.get("reasoning_effort") or settings.reasoning_effort),
            parameters=_sendable(own.get("parameters")),
            summarises=(_text(own.get("context")) or settings.context) == "summarise",
            summary=Summary.of(own.get(SUMMARY)),
            tools=_names(own.get(TOOLS), settings.tools.chosen),
        )

    async def prepare(
        self,
        store: StoreThread,
        catalog: Catalog,
        begun: NewTurn,
        budget: int | None = None,
        *,
        tools: tuple[Tool, ...] = (),
    ) -> Prepared:
        """Return the request for the reply of a turn, in ``budget`` tokens, else in the model's context length.

        It has the branch of the prompt. For a reply that is continued it ends with that and :data:`CONTINUE`. With
        ``tools`` it has the calls of earlier replies, too, the newest that fit.

        Raises ProviderError, StoreError.
        """
        provider, model = catalog.resolve(self.ref)
        question, continues = begun.user_message, begun.reply.continues

        read = partial(_fitting, begun, self.system_prompt)
        limit = budget or self._room(catalog, tools)
        selected, left_out = await store.run(read, limit)
        size = sum(len(sent_text(message)) for message in selected)
        has_attachments = any(message.attachments for message in selected)
        if budget is None and limit == UNKNOWN and (size > SHORT_CONVERSATION or has_attachments or tools):
            await catalog.fetch_context_length(self.ref)
            if (limit := self._room(catalog, tools)) != UNKNOWN:
                selected, left_out = await store.run(read, limit)
        attached, fitted = NOTHING_ATTACHED, None
        if left_out and self.summarises:
            whole, _ = await store.run(partial(_branch, begun), UNKNOWN)
            fitted = await summarised(
                store, provider, model, question.session_id, whole, self.summary, self.system_prompt, limit
            )
            if fitted is not None:
                selected, left_out = fitted.selected, 0
        if has_attachments:
            if catalog.takes_images(self.ref) is None and _have_images(selected):
                await catalog.fetch_inputs(self.ref)
            files = await store.run(attachment_files)
            if (size := await self._question_size(files, catalog, selected)) and len(selected) > 1:
                selected, left_out = await store.run(read, max(1, limit - size))  # it is sent with all of its files
            attached = await self.load_attached(files, catalog, selected, limit)
        prompts = (self.system_prompt, fitted.summary.prompt if fitted is not None else "")
        prompt = "\n\n".join(filter(None, prompts))
        messages = _composed(selected, prompt, attached, limit if tools else None)
        if continues and messages[-1].role == "assistant":
            has_text = messages[-1].content != NO_TEXT
            messages += (ChatMessage("user", CONTINUE if has_text else GO_ON),)
        request = self.request_for(model, messages, question.id if not continues else begun.reply.id)
        request = request._replace(tools=tools)
        if fitted is None:
            is_missing = self.summarises and left_out > 0
            return Prepared(provider, request, len(selected), left_out, has_no_summary=is_missing)
        cost = None
        if (used := fitted.used) is not None:
            cost = used.cost or catalog.price(self.ref, used.input_tokens, used.output_tokens) or 0.0
        return Prepared(provider, request, len(selected), 0, fitted.summary, cost)

    def _room(self, catalog: Catalog, tools: tuple[Tool, ...]) -> int:
        """Return the tokens for the messages of a request, beside the definitions of its tools."""
        known = input_budget(catalog.context_length(self.ref))
        return known if known == UNKNOWN else max(1, known - estimate_tokens("".join(map(str, tools))))

    async def load_attached(
        self, files: AttachmentFiles, catalog: Catalog, newest_first: Sequence[Message], limit: int
    ) -> Mapping[str, Attached]:
        """Return what is sent for the attachments of the messages, in the tokens that their texts leave."""
        from .attachments.sending import load_attached

        used = sum(estimate_tokens(sent_text(message)) + OVERHEAD for message in newest_first)
        return await load_attached(
            files,
            newest_first,
            budget=max(0, limit - used),
            image_side=catalog.image_size(self.ref),
            takes_images=catalog.takes_images(self.ref) is not False,
        )

    async def _question_size(self, files: AttachmentFiles, catalog: Catalog, newest_first: Sequence[Message]) -> int:
        """Return the tokens of what is attached to the newest question."""
        question = next((message for message in newest_first if message.role == "user"), None)
        if question is None or not question.attachments:
            return 0
        attached = await self.load_attached(files, catalog, [question], UNKNOWN)
        return sum(each.tokens for each in attached.values())

    def request_for(self, model: str, messages: tuple[ChatMessage, ...], request_id: str | None = None) -> Request:
        """Return the request for the provider's ``model``."""
        return Request(
            model=model,
            messages=messages,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            reasoning_effort=self.reasoning_effort,
            parameters=self.parameters,
            schema=self.schema,
            request_id=request_id,
        )


def _branch(begun: NewTurn, store: Store, limit: int) -> tuple[list[Message], bool]:
    """Return the messages of a turn's branch, newest first, of about ``limit`` tokens, and whether there are more."""
    last = store.messages.get(begun.reply.continues) if begun.reply.continues else begun.user_message
    return store.messages.context(last.session_id, limit * CHARACTERS_PER_TOKEN, last.key)


def _fitting(begun: NewTurn, system_prompt: str, store: Store, limit: int) -> tuple[list[Message], int]:
    """Return the messages of a turn's branch that fit into ``limit`` tokens, and the number of those that do not."""
    newest_first, is_cut = _branch(begun, store, limit)
    selected, is_full = select_messages(newest_first, system_prompt=system_prompt, budget=limit)
    has_more = bool(selected) and (is_cut or is_full)
    return selected, store.messages.count_before(begun.user_message.session_id, selected[-1].key) if has_more else 0


def _composed(
    newest_first: Sequence[Message], prompt: str, attached: Mapping[str, Attached], limit: int | None
) -> tuple[ChatMessage, ...]:
    """Return the messages of a request; with a ``limit`` in tokens, also the calls of tools that fit into the rest."""
    messages = to_chat_messages(newest_first, prompt, attached)
    if limit is None:
        return messages
    calls = fitting_calls(newest_first, limit - sum(map(tokens_of, messages)))
    return to_chat_messages(newest_first, prompt, attached, with_calls=calls)


def _have_images(messages: Sequence[Message]) -> bool:
    return any(item.kind == "image" for message in messages for item in message.attachments)


async def require_inputs(catalog: Catalog, ref: str, attachments: Sequence[Attachment]) -> None:
    """Raise Invalid if the model of ``ref`` takes no images and there are some; a model of unknown kind may."""
    images = [item.name for item in attachments if item.kind == "image"]
    if not images:
        return
    if catalog.takes_images(ref) is None:
        await catalog.fetch_inputs(ref)
    if catalog.takes_images(ref) is False:
        them = images[0] if len(images) == 1 else f"the {len(images)} images"
        raise Invalid(f"{ref} takes no images. Choose another model, or remove {them}.")


def attachment_files(store: Store) -> AttachmentFiles:
    """Return the files of a history."""
    return store.attachment_files


def _sendable(parameters: object) -> Mapping[str, Any]:
    """Return the parameters of a conversation, without those that Sterna sends itself."""
    named = parameters if isinstance(parameters, Mapping) else {}
    return {name: value for name, value in named.items() if unsendable({name: value}) is None}


def _names(chosen: object, usual: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names that a conversation has chosen; where it has chosen nothing, the ``usual`` ones."""
    if not isinstance(chosen, list):
        return usual
    return tuple(name for name in chosen if isinstance(name, str))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
