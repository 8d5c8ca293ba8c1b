"""End of the program: everything that must be on disk is saved."""

from __future__ import annotations

import asyncio

from sterna.storage.text import clean

from .context import AppContext
from .main.navigation import Navigation
from .prompt import plain

FINISH_SECONDS = 1.0
"""Longest time at the end for background tasks, such as storing what was asked for last."""


async def save_texts(context: AppContext, navigation: Navigation) -> str:
    """Save the draft and what has arrived of replies; return what could not be saved, as text for the terminal."""
    unsaved: list[str] = []
    if navigation.conversation.reopened:
        await navigation.save_draft()
        if texts := [plain(text) for text in navigation.drafts.unsaved]:
            unsaved.append("This text could not be saved:\n\n" + "\n\n".join(texts))
    elif draft := plain(navigation.draft):
        unsaved.append(f"Your conversations could not be opened. Your unsent text:\n\n{draft}")
    if context.turns is not None:
        arriving = context.turns.running()
        await context.turns.close()
        unsaved += [f"{reply.problem} The reply:\n\n{reply.content}" for reply in arriving if reply.problem]
    return clean("\n\n".join(unsaved))


async def finish_services(context: AppContext) -> None:
    """Let sync and analytics send what they can at once, and await background tasks."""
    if context.import_job is not None:
        context.import_job.stop()
    if context.download is not None:
        context.download.stop()
    await asyncio.gather(
        context.sync.stop(),
        context.analytics.end(),
        context.gatherer.stop(),
        context.meaning.stop(),
        context.tools.close(),
    )
    # Work that waits for a file that never opened does not end by itself.
    await context.tasks.finish(FINISH_SECONDS if context.ready.is_set() else 0)
    if context.import_job is not None:
        await context.import_job.close()
