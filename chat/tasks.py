"""Waits and ends of tasks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

log = logging.getLogger("sterna.chat")

T = TypeVar("T")


async def first(*waits: Awaitable[object]) -> int:
    """Return the position of the first that completes; cancel the others."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(position for position, task in enumerate(tasks) if task.done())
    finally:
        for task in tasks:
            task.cancel()


class OwnedTasks:
    """Tasks that outlive the call that began them; they are referenced until they end."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def own(self, work: Coroutine[Any, Any, T], name: str, *, is_awaited: bool = False) -> asyncio.Task[T]:
        """Return a task. Its error is logged, unless the task ``is_awaited``."""
        task = asyncio.create_task(work, name=f"chat.{name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if not is_awaited:
            task.add_done_callback(_log_error)
        return task

    async def complete(self, work: Coroutine[Any, Any, T]) -> T:
        """Return the result of ``work``. It continues if the caller is cancelled: a stored message gets its reply."""
        return await asyncio.shield(self.own(work, "begin", is_awaited=True))

    async def end(self, seconds: float) -> None:
        """Wait for all, at most for that time, and cancel the rest."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                task.cancel()


def _log_error(task: asyncio.Task[Any]) -> None:
    """Log the error with which a task has ended."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("%s failed", task.get_name(), exc_info=error)
