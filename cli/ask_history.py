"""``sterna ask --history``: a question to one's own history, which is searched before anything is sent."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from sterna.chat.history_questions import QUESTION_SETTINGS, FindMeaning, find_passages, guide_question
from sterna.chat.requests import RequestOptions
from sterna.providers.guide import NAME as GUIDE
from sterna.storage import Hit, Meaning, MeaningQuery, StoreError, StoreThread, clean, one_line
from sterna.storage.conversations.quotations import Passage, passages_subject

from .output import paint, print_json
from .turn_runner import open_turns, print_reply, require_model

if TYPE_CHECKING:
    from sterna.config import Settings

    from .context import CommandContext

SHOWN = 160
"""Characters of a passage that are shown in the list."""


class HistoryQuestion(NamedTuple):
    """Question and options of the command."""

    text: str
    options: dict[str, Any]
    """Options under the names of a conversation's settings."""
    as_json: bool
    dry_run: bool
    yes: bool
    include_private: bool


async def ask_history(context: CommandContext, settings: Settings, asked: HistoryQuestion) -> int:
    """Search the history, show what was found, send it once that is agreed to, and print the reply.

    Raises ClickException where nothing is found or nothing may be sent.
    """
    model = str(asked.options.get("model", ""))
    async with open_turns(context, settings, model) as turns:
        await require_model(turns.catalog, settings, model)
        ref = RequestOptions.choose(asked.options, settings, fallback=turns.catalog.default_ref()).ref
        provider = ref.partition("/")[0]
        async with _meaning(context, settings, turns.store) as meaning:
            passages = await find_passages(
                turns.store,
                asked.text,
                context_length=turns.catalog.context_length(ref),
                include_private=asked.include_private,
                meaning=meaning,
            )
        if asked.dry_run:
            _show(passages, ref, asked)
            return 0 if passages else 1
        if provider == GUIDE:
            _, reply = await turns.begin(None, guide_question(asked.text), settings=asked.options)
            return await print_reply(turns, reply, as_json=asked.as_json)
        if not passages:
            raise click.ClickException("Your history has nothing about this. Nothing was sent. Try other words.")
        if not asked.yes and provider not in settings.history.providers:
            _require_consent(context, settings, passages, ref)
        own = {**QUESTION_SETTINGS, **asked.options}
        _, reply = await turns.begin(None, asked.text, settings=own, passages=passages)
        return await print_reply(turns, reply, as_json=asked.as_json)


@asynccontextmanager
async def _meaning(
    context: CommandContext, settings: Settings, store: StoreThread
) -> AsyncIterator[FindMeaning | None]:
    """Give the search by meaning, where it is on and asks no provider."""
    from sterna.chat.meaning.embedders import is_remote

    if not settings.meaning.enabled or is_remote(settings.meaning.model):
        yield None
        return
    from sterna.providers.embedder import EmbedderError

    from .meaning_search import finder_of

    async with finder_of(context, settings.meaning.model, store.run, await store.run(Meaning.path)) as finder:

        async def find(query: MeaningQuery) -> list[Hit]:
            try:
                return await finder.find(query)
            except EmbedderError as error:
                raise StoreError(str(error)) from None

        yield find


def _show(passages: Sequence[Passage], ref: str, asked: HistoryQuestion) -> None:
    if not asked.as_json:
        for line in _lines(passages, ref):
            click.echo(line)
        return
    print_json(
        {
            "question": asked.text,
            "model": ref.rstrip("/"),
            "characters": sum(len(passage.text) for passage in passages),
            "conversations": len({passage.session_id for passage in passages}),
            "passages": [{"number": number} | each.as_json() for number, each in enumerate(passages, 1)],
        }
    )


def _lines(passages: Sequence[Passage], ref: str) -> list[str]:
    if not passages:
        return ["Your history has nothing about this."]
    lines = [f"{passages_subject(passages)}, for {one_line(ref.rstrip('/'), 80)}:"]
    for number, passage in enumerate(passages, 1):
        author = "You" if passage.role == "user" else "Reply"
        private = " (private)" if passage.is_private else ""
        title = paint(one_line(passage.title, 60), bold=True)
        lines += [f"[{number}] {title}{private}  {one_line(passage.at[:10])}  {author}"]
        lines += [f"    {one_line(passage.text, SHOWN)}"]
    return lines


def _require_consent(context: CommandContext, settings: Settings, passages: Sequence[Passage], ref: str) -> None:
    """Ask whether the passages may be sent. Raises ClickException if not, or if nobody can be asked."""
    provider = clean(ref.partition("/")[0])
    for line in _lines(passages, ref):
        click.echo(line, err=True)
    if not sys.stdin.isatty():
        raise click.ClickException(
            f'Nothing was sent. --yes sends these passages; history.providers = ["{provider}"] in config.toml '
            "allows it always."
        )
    choices = click.Choice(["yes", "always", "no"])
    chosen = click.prompt(f"Send them to {provider}?", type=choices, default="no", err=True)
    if chosen == "no":
        raise click.ClickException("Nothing was sent.")
    if chosen == "always":
        from sterna.config import save_value

        save_value("history.providers", [*settings.history.providers, provider], context.config_dir)
