"""A round over all sources that are followed, in the store's own thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from sterna.storage import Store, Taken
from sterna.storage.imports.gathered import GatherChoice, SourceChoice

from ..records import Skipped
from .places import Places
from .work import GatherBatch, available, find, gather


@dataclass(slots=True)
class SourceRound:
    """What one round did for one source."""

    name: str
    new: int = 0
    updated: int = 0
    messages: int = 0
    """Messages that were added."""
    skipped: list[Skipped] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def count(self, batch: GatherBatch, taken: Sequence[Taken]) -> None:
        """Add what became of a batch."""
        self.skipped += batch.skipped
        for one in taken:
            self.new += one.status == "new"
            self.updated += one.status == "updated"
            self.messages += one.messages if one.status in ("new", "updated") else 0

    @property
    def problem(self) -> str:
        """Return a sentence about what could not be read; empty if there is none."""
        if self.problems:
            return self.problems[0]
        if not self.skipped:
            return ""
        first = self.skipped[0]
        more = f" ({len(self.skipped):,} such places)" if len(self.skipped) > 1 else ""
        return f"{first.where or first.id}: {first.reason}{more}" if first.where or first.id else first.reason + more


def gather_round(
    store: Store,
    places: Places,
    choice: GatherChoice,
    names: Iterable[str] | None = None,
    progress: Callable[[SourceRound], None] | None = None,
) -> list[SourceRound]:
    """Read what changed in the sources that are followed, and store it."""
    wanted = [name for name in available() if name in choice.sources and (names is None or name in names)]
    return [_source_round(store, places, name, choice.sources[name], progress) for name in wanted]


def _source_round(
    store: Store,
    places: Places,
    name: str,
    chosen: SourceChoice,
    progress: Callable[[SourceRound], None] | None,
) -> SourceRound:
    result = SourceRound(name)
    found = find(name, places, chosen, projects_for(store, name))
    result.problems += found.problems
    for batch in gather(name, found, store.gathered.files(name), chosen, now=store.db.clock()):
        attachments = batch.keep_files(store.attachment_files)
        taken = store.gathered.take(name, batch.conversations, attachments, batch.files, stays_here=chosen.stays_here)
        result.count(batch, taken)
        if progress is not None:
            progress(result)
    store.gathered.note_problem(name, result.problem)
    return result


def projects_for(store: Store, name: str) -> tuple[str, ...]:
    """Return the folders in which a source that keeps its history beside the code is looked for."""
    from .sources import SOURCES

    return tuple(store.gathered.projects()) if SOURCES[name].folders else ()
