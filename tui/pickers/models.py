"""Picker of models: favourites and recent ones first, the rest as providers answer, and any name typed by hand.

:class:`ModelList` is the list; a picker says what choosing a line does.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import events, on, work
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from sterna import storage
from sterna.storage.text import one_line

from .chooser import Chooser, Chosen
from .fuzzy import match
from .model_lines import LONGEST_NAME, STAR_CELLS, about_model, failure_text, model_line

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from sterna.providers import Catalog, Model
    from sterna.storage import StoreThread

POLL_SECONDS = 0.1
"""Time between two updates of the list while providers are asked."""
MOST_RECENT = 5
"""Recent models that stand above the others."""
EXACT = float("inf")
MARGIN = 2
"""Cells before the text of a line."""


@dataclass(frozen=True, slots=True)
class Line:
    """Line of the list: a heading, a problem, or a model."""

    content: Content
    ref: str | None = None
    """Model that choosing the line returns; None for a line that cannot be chosen."""


@dataclass(frozen=True, slots=True)
class ModelMatch:
    """Model that matches the text of the field."""

    score: float
    model: Model
    positions: tuple[int, ...] = ()
    """Indexes of the matching letters of its id."""


class ModelList(Chooser[Chosen]):
    """Field, list and favourites of a picker of models."""

    PLACEHOLDER = "Filter models, or type a name"
    KEYS: ClassVar[str] = "enter choose   f2 favourite   f5 refresh   esc cancel"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f5,ctrl+r", "refresh", "Refresh", id="models.refresh"),
        Binding("f2", "favourite", "Favourite", id="models.favourite"),
    ]

    def __init__(
        self,
        catalog: Catalog | None,
        *,
        current: str | None = None,
        find: Callable[[], Awaitable[tuple[Catalog, str | None]]] | None = None,
        store: StoreThread | None = None,
    ) -> None:
        """Take the chosen model and the catalog; where there is none yet, ``find`` waits for both.

        ``store`` knows favourites and recent models.
        """
        super().__init__()
        self._store = store
        self._favourites: list[str] = []
        self._recent: list[str] = []
        self._failures: Mapping[str, storage.ProviderFailure] = {}
        """Last failures of providers, by their names."""
        self._is_on_star = False
        """True while the click that chooses a line is on its star."""
        self._catalog_or_none = catalog
        self._find = find
        self._chosen = current
        self._lines: list[Line] = []
        self._is_loading = False
        self._has_matches = False
        self._has_moved = False
        """True once the user has moved the highlight: then it stays on its model while the list fills."""
        self._seen: object = None
        self._timer: Timer | None = None

    @property
    def _catalog(self) -> Catalog:
        assert self._catalog_or_none is not None, "nothing is listed before the catalog is there"
        return self._catalog_or_none

    @property
    def _current(self) -> str:
        """Model in use: the chosen one, else the default, which changes as providers answer."""
        return (self._chosen or self._catalog.default_ref()).rstrip("/")

    def on_mount(self) -> None:
        """Show known models, then ask the providers."""
        super().on_mount()
        self._timer = self.set_interval(POLL_SECONDS, self._poll, pause=True)
        self._load(refresh=False)

    def on_resize(self) -> None:
        """Fit the lines to the width."""
        self.call_after_refresh(self.show_list)

    @work(group="models", exclusive=True)
    async def _load(self, *, refresh: bool) -> None:
        """Ask the providers; the list fills meanwhile."""
        self._is_loading = True
        assert self._timer is not None
        self._timer.resume()
        self.show_list()
        try:
            if self._catalog_or_none is None and self._find is not None:
                self._catalog_or_none, self._chosen = await self._find()
            if self._store is not None:
                with suppress(storage.StoreError):  # models can be chosen without them
                    self._favourites = await self._store.run(storage.ModelUse.favourites)
                    self._recent = await self._store.run(storage.ModelUse.recent)
                    self._failures = await self._store.run(storage.ModelUse.failures)
            self.show_list()
            await self._catalog.models(refresh=refresh)
        finally:
            self._is_loading = False
            self._timer.pause()
        self.show_list()

    def action_refresh(self) -> None:
        """Ask every provider again."""
        self._load(refresh=True)

    def _poll(self) -> None:
        """Show what has arrived since the last update."""
        catalog = self._catalog_or_none
        if catalog is not None and (len(catalog.known()), dict(catalog.problems)) != self._seen:
            self.show_list()

    # The list

    @on(Input.Changed)
    def _filter(self) -> None:
        """Show what matches; the highlight goes to the best match again."""
        self._has_moved = False
        self.show_list()

    def action_move(self, by: int) -> None:
        """Move in the list; the highlight stays where it is from then on."""
        self._has_moved = True
        super().action_move(by)

    def action_move_page(self, by: int) -> None:
        """Move a page in the list; the highlight stays where it is from then on."""
        self._has_moved = True
        super().action_move_page(by)

    def show_list(self) -> None:
        """Fill the list; a highlight that was moved stays, else it goes to the best match or the current model."""
        if not self.is_there:
            return
        if self._catalog_or_none is None:
            self.say("Loading models…", self.KEYS)
            return
        before = self.ref_at(self.menu.highlighted) if self._has_moved or self.menu.has_focus else None
        known = self._catalog.known()
        self._seen = (len(known), dict(self._catalog.problems))
        query = self.field.value.strip()
        matches = self._matches(query, known)
        self._has_matches = bool(matches)
        above = [] if query else self.above(matches)
        shown = {line.ref for line in above}
        below = self._grouped([each for each in matches if each.model.ref not in shown])
        self._lines = [
            *self.head(),
            *above,
            *([Line(Content(""))] if above and below else []),
            *below,
            *self._as_typed(query, known),
        ]
        best = max(matches, key=lambda each: each.score).model.ref if query and matches else self._current
        if self._is_full_name(query) and all(query != model.ref for model in known):
            best = query  # a name typed in full is meant literally, though others resemble it
        refs = [line.ref for line in self._lines]
        first = next((index for index, ref in enumerate(refs) if ref is not None), None)
        highlighted = next((refs.index(ref) for ref in (before, best) if ref is not None and ref in refs), first)
        self.fill([Option(line.content, disabled=line.ref is None) for line in self._lines], highlighted)
        self._say_status()

    def head(self) -> list[Line]:
        """Return the lines above all models."""
        return []

    def _matches(self, query: str, known: list[Model]) -> list[ModelMatch]:
        matches: list[ModelMatch] = []
        for model in known:
            by_id = match(query, model.id)
            if query == model.ref:  # typed in full
                matches.append(ModelMatch(EXACT, model))
            elif by_id is not None:
                matches.append(ModelMatch(by_id.score, model, by_id.positions))
            else:
                by_name = (match(query, model.ref), match(query, f"{model.endpoint} {model.id} {model.name}"))
                scores = [each.score for each in by_name if each is not None]
                if scores:
                    matches.append(ModelMatch(max(scores) / 2, model))
        return matches

    def _is_full_name(self, query: str) -> bool:
        """Return whether ``query`` names a provider and a model."""
        name, _, model = query.partition("/")
        return bool(model) and " " not in query and name in self._catalog.names()

    def _grouped(self, matches: list[ModelMatch]) -> list[Line]:
        """Return lines under the headings of their providers, the best matches of each first."""
        lines: list[Line] = []
        for name in self._catalog.names():
            group = sorted((each for each in matches if each.model.endpoint == name), key=lambda each: -each.score)
            problem = self._catalog.problems.get(name) or failure_text(self._failures.get(name))
            if not group and not (problem and not self.field.value.strip()):
                continue
            if lines:
                lines.append(Line(Content("")))
            lines.append(Line(self._heading(name)))
            if problem:
                lines.append(Line(Content.assemble(("! ", "bold $warning"), (one_line(problem, 400), "$warning"))))
            lines += [Line(self.model_line(each), each.model.ref) for each in group]
        return lines

    def above(self, matches: list[ModelMatch]) -> list[Line]:
        """Return the favourites and the recent models under headings of their own."""
        by_ref = {each.model.ref: each for each in matches}
        recent = [ref for ref in self._recent if ref in by_ref and ref not in self._favourites][:MOST_RECENT]
        lines: list[Line] = []
        for heading, refs in (("Favourites", self._favourites), ("Recent", recent)):
            found = [Line(self.model_line(by_ref[ref], shows_provider=True), ref) for ref in refs if ref in by_ref]
            if found:
                between = [Line(Content(""))] if lines else []
                lines += [*between, Line(Content.styled(heading, "bold $secondary")), *found]
        return lines

    def _as_typed(self, query: str, known: list[Model]) -> list[Line]:
        """Return lines for a name that is in no list, one for each provider that may have it all the same."""
        if not query or " " in query or any(query in (model.ref, model.id) for model in known):
            return []
        name, _, model = query.partition("/")
        names = self._catalog.names()
        if name in names:
            refs = [query] if model else []
        else:
            refs = [f"{each}/{query}" for each in names if self._catalog.endpoint(each) is not None]
        lines = [
            Line(
                Content.assemble(
                    "Download " if self._catalog.downloads.is_absent(ref) else "Use ",
                    (one_line(ref, LONGEST_NAME), "bold"),
                ),
                ref,
            )
            for ref in refs
        ]
        return [Line(Content("")), Line(Content.styled("As typed", "bold $secondary")), *lines] if lines else []

    def _heading(self, name: str) -> Content:
        built_in = "built in, offline" if name == self._catalog.names()[-1] else ""
        title = one_line(self._catalog.title(name), 60) or built_in
        shown = "" if title.casefold() in ("", name.casefold()) else f"  {title}"
        health = "  reachable" if self._catalog.has_answered(name) else ""
        return Content.assemble((name, "bold $secondary"), (shown, "$foreground 75%"), (health, "$text-success"))

    def model_line(self, matched: ModelMatch, *, shows_provider: bool = False) -> Content:
        """Return the line of a model."""
        return model_line(
            matched.model,
            self.room,
            positions=matched.positions,
            is_current=matched.model.ref == self._current,
            is_favourite=matched.model.ref in self._favourites if self._store is not None else None,
            shows_provider=shows_provider,
        )

    @on(OptionList.OptionHighlighted)
    def _say_status(self) -> None:
        """Say what goes on, else what the highlighted model can do."""
        if self._catalog_or_none is None:
            return
        ref = self.ref_at(self.menu.highlighted)
        about = next((about_model(model) for model in self._catalog.known() if model.ref == ref), "")
        self.say(self.status() or about, self.KEYS)

    def status(self) -> str:
        """Return what goes on; empty where there is nothing to say."""
        if self._is_loading:
            answered = {model.endpoint for model in self._catalog.known()} | self._catalog.problems.keys()
            waiting = [name for name in self._catalog.names() if name not in answered]
            return f"Loading models from {', '.join(waiting)}…" if waiting else "Loading models…"
        if self.field.value.strip() and not self._has_matches:
            ref = self.ref_at(self.menu.highlighted)
            use = "download it" if ref is not None and self._catalog.downloads.is_absent(ref) else "use it as typed"
            return f"No model in the list has this name. Press enter to {use}."
        return ""

    # Choosing

    def ref_at(self, index: int | None) -> str | None:
        """Return the model of a line."""
        return self._lines[index].ref if index is not None and index < len(self._lines) else None

    @on(Input.Submitted)
    def choose_highlighted(self) -> None:
        """Return the highlighted model."""
        self._choose(self.ref_at(self.menu.highlighted))

    def choose_line(self, line: int) -> None:
        """Return the model that was clicked; a click on its star marks it as a favourite."""
        ref, is_on_star, self._is_on_star = self.ref_at(line), self._is_on_star, False
        if is_on_star and _is_model(ref):
            self._toggle_favourite(ref)
        else:
            self._choose(ref)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Notice whether the star of a line is clicked."""
        menu = self.menu.scrollable_content_region
        self._is_on_star = menu.contains(*event.screen_offset) and event.screen_x - menu.x < MARGIN + STAR_CELLS

    def action_favourite(self) -> None:
        """Mark the highlighted model as a favourite, or take the mark away."""
        self._toggle_favourite(self.ref_at(self.menu.highlighted))

    @work(group="favourite")
    async def _toggle_favourite(self, ref: str | None) -> None:
        if ref is None or not _is_model(ref) or self._store is None:
            return
        is_favourite = ref not in self._favourites
        try:
            self._favourites = await self._store.run(storage.ModelUse.set_favourite, ref, is_favourite)
        except storage.StoreError as error:
            self.say(str(error), self.KEYS)
            return
        self._has_moved = True  # the highlight follows the model
        self.show_list()

    def _choose(self, ref: str | None) -> None:
        if self._catalog_or_none is None:
            return
        locked = next((each for each in self._catalog.known() if each.ref == ref and not each.allowed), None)
        if locked is not None:
            self.say(
                f"{one_line(locked.id, 40)} needs the {locked.tier} tier. Ask the server administrator.", self.KEYS
            )
        elif ref is not None:
            self.take(ref)

    def take(self, ref: str) -> None:
        """Use the model that was chosen."""
        raise NotImplementedError


class ModelPicker(ModelList[str | None]):
    """Returns ``provider/model``, or None."""

    TITLE = "Model"

    def take(self, ref: str) -> None:
        """Return the model."""
        self.dismiss(ref)


def _is_model(ref: str | None) -> bool:
    """Return whether a line stands for a model, ``provider/model``, and not for something else to choose."""
    return ref is not None and "/" in ref
