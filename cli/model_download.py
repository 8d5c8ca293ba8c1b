"""``sterna models pull``: a model downloaded by the server that is to run it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

import click

from sterna.chat import add_discovered, build_catalog, download_text, pulled_ref, ref_to_download
from sterna.providers import ProviderError
from sterna.storage import clean, one_line

from .context import CommandContext
from .exit_codes import INTERRUPTED

if TYPE_CHECKING:
    from sterna.providers.downloads import Progress

STEP = 10
"""Percentage points between two lines about the progress where it is no terminal."""


@click.command(short_help="Download a model to Ollama.")
@click.argument("model", metavar="[PROVIDER/]NAME")
@click.pass_obj
def pull(context: CommandContext, model: str) -> int:
    """Let the server of a provider download a model, as “ollama pull” does, and print how the model is named then.

    How far it is stands on standard error: the bytes of all parts that are known so far, the rate, and the time that
    they take. Ctrl+C ends the download; the same command continues it.
    """
    return asyncio.run(_pull(context, model))


async def _pull(context: CommandContext, ref: str) -> int:
    settings = context.settings()
    catalog = build_catalog(
        settings, None, environ=os.environ, config_dir=context.config_dir, cache_dir=context.folder()
    )
    try:
        await add_discovered(catalog, settings, os.environ, wanted=ref.partition("/")[0])
        ref = ref_to_download(catalog, ref)
        downloading = asyncio.create_task(_show(catalog.downloads.pull(ref), one_line(ref, 80)))
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, downloading.cancel)
        try:
            await downloading
        except asyncio.CancelledError:
            click.echo(f"sterna: Stopped. To continue: sterna models pull {one_line(ref, 80)}", err=True)
            return INTERRUPTED
        finally:
            loop.remove_signal_handler(signal.SIGINT)
        click.echo(one_line(pulled_ref(catalog, ref)))
        return 0
    except ProviderError as error:
        raise click.ClickException(clean(str(error))) from error
    finally:
        await catalog.aclose()


async def _show(steps: AsyncGenerator[Progress, None], name: str) -> None:
    """Print how far the download is: on a terminal in one line, elsewhere in a line now and then."""
    is_terminal, shown, percent = sys.stderr.isatty(), "", -STEP
    async with aclosing(steps):
        async for progress in steps:
            text = f"{name}: {download_text(progress)}"
            if is_terminal:
                click.echo(f"\r\x1b[K{text}", err=True, nl=False)
            else:
                now = 100 * progress.completed // progress.total if progress.total else 0
                if text != shown and (now in (0, 100) or now >= percent + STEP or now < percent):
                    click.echo(text, err=True)
                    percent = now if progress.total else percent
            shown = text
    if is_terminal and shown:
        click.echo(err=True)
