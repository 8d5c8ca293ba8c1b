"""Findings of ``sterna doctor`` about the search by meaning, where it is on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sterna.storage import StoreError, size_text

from ..context import CommandContext
from ..meaning_state import vectors_state
from ..output import counted
from .finding import Finding

if TYPE_CHECKING:
    from sterna.config import MeaningSettings


def meaning_findings(context: CommandContext, settings: MeaningSettings) -> Iterator[Finding]:
    """Yield how far the vectors are made, and what keeps the model from being used."""
    if not settings.enabled:
        return
    from sterna.chat.meaning.embedders import is_remote
    from sterna.chat.meaning.ways import percent
    from sterna.providers.embedder import EmbedderError
    from sterna.providers.static_model import find_model

    try:
        if not is_remote(settings.model):
            find_model(settings.model)
        with context.history() as history:
            found = vectors_state(history)
    except (EmbedderError, StoreError) as error:
        yield Finding("search by meaning", str(error), ok=False)
    else:
        made = f"{counted(found['parts'], 'vector')}, {percent(found['done'])} of the messages read"
        yield Finding("search by meaning", f"{settings.model}, {made}, {size_text(found['bytes'])} in {found['path']}")
