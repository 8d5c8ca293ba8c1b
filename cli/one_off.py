"""Prompt and reply of ``sterna ask --no-store``, which are stored nowhere."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from sterna.chat import OneOffTurn, build_catalog
from sterna.storage import AttachmentFiles

from .ask_options import merge_parameters, require_json
from .attach_arguments import keep_argument
from .one_off_budget import OneOffBudget
from .output import print_json
from .reply_output import Stop, exit_code, print_notes, reply_object, show_reply, stop_signals
from .terminal_tools import terminal_tools
from .turn_runner import require_model

if TYPE_CHECKING:
    from sterna.config import Settings

    from .context import CommandContext


@dataclass(frozen=True, slots=True)
class Prompt:
    """Prompt and options of the command."""

    text: str
    options: dict[str, Any]
    """Options under the names of a conversation's settings."""
    as_json: bool
    attached: tuple[str, ...] = ()
    """Paths of attachments; ``-`` for standard input."""
    schema: dict[str, Any] | None = None
    """JSON schema for the reply."""
    models: Sequence[str] = ()
    """Models to compare; none: the one of the options."""


async def ask_without_storing(context: CommandContext, settings: Settings, prompt: Prompt) -> int:
    """Send the prompt without opening the history, print its reply or replies, and return the exit code."""
    catalog = build_catalog(settings, None, environ=os.environ, config_dir=context.config_dir)
    folder = ExitStack()
    tools, toolbox = terminal_tools(context, settings)
    try:
        models = prompt.models or [prompt.options.get("model", "")]
        for model in models:
            await require_model(catalog, settings, model)
        files = AttachmentFiles(Path(folder.enter_context(TemporaryDirectory(prefix="sterna-"))) / "unsaved.db")
        attachments = [keep_argument(files, name) for name in prompt.attached]
        text = prompt.text if prompt.text.strip() else ", ".join(item.name for item in attachments)
        turns = [
            OneOffTurn(
                catalog,
                settings,
                text,
                own=merge_parameters({**prompt.options, "model": model}, {}),
                files=files,
                attachments=attachments,
                schema=prompt.schema,
                tools=tools,
            )
            for model in models
        ]
        budget = OneOffBudget(context, settings, catalog)
        budget.require([turn.reply.model or "" for turn in turns])
        if prompt.models:
            from .compared_replies import compare_without_storing

            try:
                return await compare_without_storing(
                    turns, as_json=prompt.as_json, has_schema=prompt.schema is not None
                )
            finally:
                budget.count([turn.reply for turn in turns])
        (turn,) = turns
        stop = Stop(turn.reply)
        with stop_signals(stop):
            running = asyncio.create_task(turn.run())
            if not prompt.as_json:
                await show_reply(turn.reply, stop)
            settled = await running
        budget.count([turn.reply])
    finally:
        await toolbox.aclose()
        await catalog.aclose()
        folder.close()
    if prompt.as_json:
        print_json({"session_id": None, "message_id": None} | reply_object(settled, settled.finish))
    else:
        print_notes(settled)
    code = exit_code(stop, settled.error_message)
    if prompt.schema is not None and code == 0:
        require_json(settled.content)
    return code
